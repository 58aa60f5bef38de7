"""Child processes: the embedded broker, supervised children, heartbeat timeouts."""
