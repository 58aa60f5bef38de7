"""The control worker: plan, reduce and finish. It never imports a model library."""

from functools import partial

from celery import Celery

from tasks.context import Context
from tasks.finish import finish
from tasks.messages import CONTROL, FinishJob, PlanJob, ReduceChunk
from tasks.reconcile import reconcile
from tasks.reduce import reduce
from workers.consume import consume
from workers.handling import handle


def register(app: Celery, context: Context) -> None:
    """Teach the app the steps of the control queue."""

    @app.task(name=PlanJob.name)
    def _plan(job: str) -> None:
        handle(context, lambda message: reconcile(context, message.job), PlanJob(job))

    @app.task(name=ReduceChunk.name)
    def _reduce(job: str, chunk: str) -> None:
        handle(context, partial(reduce, context), ReduceChunk(job, chunk))

    @app.task(name=FinishJob.name)
    def _finish(job: str) -> None:
        handle(context, partial(finish, context), FinishJob(job))


def run(app: Celery, context: Context) -> int:
    """Consume the control queue until told to stop; the exit status."""
    register(app, context)
    return consume(app, CONTROL, name="control", threads=2)
