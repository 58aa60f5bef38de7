"""Log lines: how the processes of this machine write them, and how those of one job are found."""
