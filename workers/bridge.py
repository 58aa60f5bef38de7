"""The bridge between the main application and the queues: messages in, results out. It imports no model library."""

from celery import Celery
from celery.signals import worker_shutting_down

from intake.topic import Topics
from tasks.context import Context
from tasks.messages import RESULTS
from workers.consume import consume
from workers.inflow import Inflow
from workers.results import register

_PUBLISHING = 2  # jobs whose results are published at once


def run(app: Celery, context: Context, inflow: Inflow | None, topics: Topics) -> int:
    """Serve until told to stop; the exit status. `inflow`: None if nothing comes in here, and results only go out.

    What was pulled is stored and acknowledged while the results in work are published.
    """
    register(app, context, topics.at)
    if context.presence is not None:
        context.presence.beat()
    if inflow is None:
        return _consume(app, context)

    def stop(**_: object) -> None:
        inflow.stop()

    worker_shutting_down.connect(stop, weak=False)
    inflow.start()
    try:
        return _consume(app, context)
    finally:
        inflow.stop()
        inflow.join()


def _consume(app: Celery, context: Context) -> int:
    try:
        return consume(app, RESULTS, name="bridge", threads=_PUBLISHING)
    finally:
        if context.presence is not None:
            context.presence.leave()
