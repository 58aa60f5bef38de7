"""The control worker: reduce, finish, schedules and the reconciler.

It never imports a model library.
"""

import logging
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread

from celery import Celery
from redis.exceptions import RedisError

from storage.places.retry import StorageUnavailable
from tasks.board.context import Context
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.step_messages import CONTROL_QUEUE, FinishJob, ReduceChunk, RunSchedule
from tasks.jobs.schedule import run_due
from tasks.steps.finish import finish
from tasks.steps.reduce import reduce
from workers.config.schedule_file import read_schedules
from workers.control.celery_beat import start_beat
from workers.control.reconciler import Reconciler
from workers.runtime.celery_worker import consume_queue
from workers.runtime.liveness_file import touch_liveness_file
from workers.runtime.run_step import run_step

_RECONCILE_SECONDS = 2.0

log = logging.getLogger(__name__)


def register(app: Celery, context: Context) -> None:
    """Register the steps of the control queue."""

    @app.task(name=ReduceChunk.name)
    def _reduce(job: str, chunk: str) -> None:
        run_step(context, partial(reduce, context), ReduceChunk(job, chunk))

    @app.task(name=FinishJob.name)
    def _finish(job: str) -> None:
        run_step(context, partial(finish, context), FinishJob(job))

    @app.task(name=RunSchedule.name)
    def _run_schedule(schedule: str) -> None:
        run_step(context, partial(run_schedule_step, context), RunSchedule(schedule))


def run_schedule_step(context: Context, message: RunSchedule) -> None:
    """Run what is due of a schedule; do nothing if chorus.toml no longer has the schedule."""
    schedule = read_schedules(context.place).get(message.schedule)
    if schedule is not None:
        run_due(context, schedule, datetime.now(UTC))


def run_control_worker(
    app: Celery, context: Context, folder: Path, only: Collection[str] = ()
) -> int:
    """Consume the control queue until told to stop; return the exit status.

    `folder` is CHORUS_RUN; `only`: the jobs to look after, all of the root if it is empty.
    """
    register(app, context)
    if context.session is not None:
        context.session.start_heartbeat()
    if not only:
        start_beat(app, context)
    Thread(
        target=_reconcile_forever,
        args=(Reconciler(context, only), folder),
        name="reconciler",
        daemon=True,
    ).start()
    try:
        return consume_queue(app, CONTROL_QUEUE, name="control", threads=2)
    finally:
        if context.session is not None:
            context.session.leave()


def _reconcile_forever(reconciler: Reconciler, folder: Path) -> None:
    """Run the reconciler every two seconds, until the process ends."""
    pause = Event()
    while True:
        try:
            reconciler.tick()
            touch_liveness_file(folder)
        except (RedisError, BrokerUnreachable):
            log.warning("the broker does not answer: jobs are reconciled when it does")
        except StorageUnavailable as error:
            log.warning("jobs are not reconciled now: %s", error)
        except Exception as error:  # whatever else storage raises; the next try is soon
            log.error("could not reconcile the jobs: %s", error, exc_info=True)
        pause.wait(_RECONCILE_SECONDS)
