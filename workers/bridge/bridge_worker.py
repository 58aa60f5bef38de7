"""The bridge worker: messages of the main application in, results out.

It imports no model library.
"""

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from celery import Celery
from celery.signals import worker_shutting_down

from intake.messages.topic import Topics
from tasks.board.context import Context
from tasks.broker.step_messages import RESULTS_QUEUE
from workers.bridge.pull_loop import PullLoop
from workers.bridge.results_consumer import register
from workers.runtime.celery_worker import consume_queue
from workers.runtime.liveness_file import touch_liveness_file

_PUBLISHING = 2  # jobs whose results are published at once
_EXIT = 70  # EX_SOFTWARE of sysexits.h

log = logging.getLogger(__name__)


def run_bridge(
    app: Celery, context: Context, inflow: PullLoop | None, topics: Topics, folder: Path
) -> int:
    """Run until told to stop; return the exit status.

    `inflow`: None where no messages come in and results only go out. What was pulled is stored and
    acknowledged while the results in work are published. `folder` is CHORUS_RUN.
    """
    register(app, context, topics.topic)
    if inflow is None:
        return _consume(app, context, partial(touch_liveness_file, folder))

    def stop(**_: object) -> None:
        inflow.stop()

    worker_shutting_down.connect(stop, weak=False)
    inflow.start()
    try:
        return _consume(app, context, partial(_watch, inflow, folder))
    finally:
        inflow.stop()
        inflow.join()


def _watch(inflow: PullLoop, folder: Path) -> None:
    """Touch the liveness file, or end the process: the messages that it holds are then delivered
    again.
    """
    problem = inflow.failure()
    if problem is not None:
        log.error("%s: this bridge ends, and another takes over", problem)
        os._exit(_EXIT)
    touch_liveness_file(folder)


def _consume(app: Celery, context: Context, watch: Callable[[], None]) -> int:
    if context.session is not None:
        context.session.start_heartbeat(watch)
    try:
        return consume_queue(app, RESULTS_QUEUE, name="bridge", threads=_PUBLISHING)
    finally:
        if context.session is not None:
            context.session.leave()
