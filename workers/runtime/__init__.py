"""What every worker process runs on: a Celery worker, steps and their retries, liveness."""
