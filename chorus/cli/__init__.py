"""The command line: arguments and options of every command, which imports its code when it runs."""
