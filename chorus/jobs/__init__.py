"""Commands on jobs: status, logs, cancel, resume."""
