"""A Celery worker in this process."""

import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging


def consume_queue(app: Celery, queue: str, *, name: str, threads: int) -> int:
    """Consume one queue, so many messages at a time; return the exit status.

    SIGTERM and SIGINT let the messages in work finish. Nothing is prefetched: a message waits in
    the broker, for any worker of the pool, until a thread is free.
    """
    # Celery warns a root user of pickle; every message here is JSON, and containers often run as
    # root.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    setup_logging.connect(_leave_logging_alone, weak=False)
    worker = app.Worker(
        queues=[queue],
        hostname=f"{name}@%h",
        pool="threads",
        concurrency=threads,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _leave_logging_alone(**_: object) -> None:
    """Keep Celery from configuring this process's logging, by receiving its signal."""
