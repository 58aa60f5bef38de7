"""The broker: its URL, the Celery app, the messages in its queues, and the context that every step
gets.
"""
