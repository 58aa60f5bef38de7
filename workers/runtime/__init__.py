"""The runtime of a worker process: Celery consumer, step execution, retry policy, liveness."""
