"""What all commands share: settings, logs, tables, and how a process is set up."""
