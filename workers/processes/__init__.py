"""Child processes: one process, a supervised one, the embedded broker, heartbeat timeouts."""
