"""The bridge worker: receives messages of the main application, and publishes results.

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

_PUBLISH_THREADS = 2  # jobs whose results are published at once
_EXIT = 70  # EX_SOFTWARE of sysexits.h

log = logging.getLogger(__name__)


def run_bridge(
    app: Celery, context: Context, pull_loop: PullLoop | None, topics: Topics, folder: Path
) -> int:
    """Run until told to stop; return the exit status.

    `pull_loop`: None if no messages come in, and only results go out. When the process is told to
    stop, the pulled messages are stored and acknowledged, and results whose publishing has begun
    are finished. `folder` is CHORUS_RUN.
    """
    register(app, context, topics.topic)
    if pull_loop is None:
        return _consume(app, context, partial(touch_liveness_file, folder))

    def stop(**_: object) -> None:
        pull_loop.stop()

    worker_shutting_down.connect(stop, weak=False)
    pull_loop.start()
    try:
        return _consume(app, context, partial(_watch, pull_loop, folder))
    finally:
        pull_loop.stop()
        pull_loop.join()


def _watch(pull_loop: PullLoop, folder: Path) -> None:
    """Touch the liveness file, or end the process if the pull loop has failed.

    The messages that it holds are then delivered again.
    """
    failure = pull_loop.failure()
    if failure is not None:
        log.error("%s: this bridge ends, and another takes over", failure)
        os._exit(_EXIT)
    touch_liveness_file(folder)


def _consume(app: Celery, context: Context, watch: Callable[[], None]) -> int:
    if context.session is not None:
        context.session.start_heartbeat(watch)
    try:
        return consume_queue(app, RESULTS_QUEUE, name="bridge", threads=_PUBLISH_THREADS)
    finally:
        if context.session is not None:
            context.session.leave()
