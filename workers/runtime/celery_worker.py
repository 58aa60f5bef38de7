"""A Celery worker in this process."""

import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging


def consume_queue(app: Celery, queue: str, *, name: str, threads: int) -> int:
    """Consume one queue with so many threads; return the exit status.

    On SIGTERM and SIGINT the steps that run are finished first. Nothing is prefetched: a message
    waits in the broker, for any worker of the pool, until a thread is free.
    """
    # Celery warns root of pickled messages. All are JSON here, and containers often run as root.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    setup_logging.connect(_keep_logging, weak=False)
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


def _keep_logging(**_: object) -> None:
    """Do nothing. Celery configures logging only if its signal has no receiver."""
