"""The processes: scoring workers, the control worker, the embedded broker. May import tasks and all below."""
