"""The control worker: reduce and finish, schedules, the reconciler, and the metrics server."""
