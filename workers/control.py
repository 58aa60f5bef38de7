"""The control worker: reduce, finish, and the reconciler. It never imports a model library."""

import logging
from collections.abc import Collection
from functools import partial
from pathlib import Path
from threading import Event, Thread

from celery import Celery
from redis.exceptions import RedisError

from tasks.address import BrokerUnreachable
from tasks.context import Context
from tasks.finish import finish
from tasks.messages import CONTROL, FinishJob, ReduceChunk
from tasks.reduce import reduce
from tasks.sweep import Sweeper
from workers.alive import touch
from workers.consume import consume
from workers.handling import handle

_SWEEP_SECONDS = 2.0

log = logging.getLogger(__name__)


def register(app: Celery, context: Context) -> None:
    """Teach the app the steps of the control queue."""

    @app.task(name=ReduceChunk.name)
    def _reduce(job: str, chunk: str) -> None:
        handle(context, partial(reduce, context), ReduceChunk(job, chunk))

    @app.task(name=FinishJob.name)
    def _finish(job: str) -> None:
        handle(context, partial(finish, context), FinishJob(job))


def run(app: Celery, context: Context, folder: Path, only: Collection[str] = ()) -> int:
    """Consume the control queue until told to stop; the exit status.

    `folder` is CHORUS_RUN; `only`: the jobs to look after, all of the root if none are named.
    """
    register(app, context)
    if context.presence is not None:
        context.presence.beat()
    Thread(target=_sweep, args=(Sweeper(context, only), folder), name="sweep", daemon=True).start()
    try:
        return consume(app, CONTROL, name="control", threads=2)
    finally:
        if context.presence is not None:
            context.presence.leave()


def _sweep(sweeper: Sweeper, folder: Path) -> None:
    pause = Event()
    while True:
        try:
            sweeper.sweep()
            touch(folder)
        except (RedisError, BrokerUnreachable):
            log.warning("the broker is away: nothing is swept")
        except Exception:  # whatever a storage raises; the next look is soon
            log.exception("could not sweep")
        pause.wait(_SWEEP_SECONDS)
