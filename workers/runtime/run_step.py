"""Run the step of one message: skip it, retry it, release it, or fail its job."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import count
from threading import Event
from time import monotonic
from typing import TypeVar

from redis.exceptions import RedisError

from storage.log_context import log_fields
from storage.log_text import log_text
from tasks.board.context import Context
from tasks.broker.step_messages import (
    FinishJob,
    PublishResults,
    ReduceChunk,
    RunSchedule,
    ScoreCell,
)
from tasks.jobs.submit import fail_job
from workers.runtime.retry_policy import FailJob, Release, decide

M = TypeVar("M", ScoreCell, ReduceChunk, FinishJob, PublishResults, RunSchedule)

log = logging.getLogger(__name__)


def run_step(context: Context, step: Callable[[M], int | None], message: M) -> None:
    """Run the step of a message, under its lease. A step returns how many rows it worked on.

    The retry policy decides what happens after an error. The function never raises, so that the
    message is acknowledged.
    """
    with log_fields(vars(message)):
        _run_step(context, step, message)


def _run_step(context: Context, step: Callable[[M], int | None], message: M) -> None:
    fields, started = dict(vars(message)), monotonic()
    for attempt in count(1):
        try:
            if message.job is not None and context.board.is_stopped(message.job):
                log.info("skipped: the job was stopped", extra=fields)
                return
            with _lease(context, message.step) as mine:
                if not mine:
                    log.info("skipped: another worker holds the lease", extra=fields)
                    return
                log.info("%s begins", message.name, extra=fields)
                rows = step(message)
        except Exception as error:  # whatever a model or storage raises
            decision = decide(error, attempt)
            if isinstance(decision, FailJob):
                log.exception("%s failed", message.name, extra=fields)
                if message.job is not None:
                    _fail_job(context, message.job, decision.reason)
                return
            if isinstance(decision, Release):
                log.warning("%s is released: %s", message.name, log_text(error), extra=fields)
                _defer(context, message.step, decision.seconds)
                return
            log.warning("%s failed, trying again: %s", message.name, log_text(error), extra=fields)
            Event().wait(decision.seconds)
        else:
            taken = {"rows": rows, "seconds": round(monotonic() - started, 3)}
            log.info("%s done", message.name, extra=fields | taken)
            return


def _fail_job(context: Context, job: str, reason: str) -> None:
    try:
        fail_job(context, job, reason)
    except RedisError:
        log.exception("could not record on the board that the job failed", extra={"job": job})


def _defer(context: Context, step: str, seconds: float) -> None:
    if seconds and context.session is not None:
        with suppress(RedisError):  # then the reconciler queues it sooner
            context.session.defer(step, seconds)


def _lease(context: Context, step: str) -> AbstractContextManager[bool]:
    return context.session.lease(step) if context.session else nullcontext(True)
