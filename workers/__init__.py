"""The processes: scoring workers, the control worker, the bridge, the embedded broker. May import tasks and all below."""
