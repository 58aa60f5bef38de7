"""The broker: its URL, the Celery app, and the messages in its queues."""
