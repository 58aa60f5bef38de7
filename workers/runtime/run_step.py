"""Run the step of one message: skip it, retry it, release it, or fail its job."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import count
from threading import Event
from typing import TypeVar

from redis.exceptions import RedisError

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


def run_step(context: Context, step: Callable[[M], None], message: M) -> None:
    """Run the step of a message, under its lease.

    The retry policy decides what happens after an error. The function never raises, so that the
    message is acknowledged.
    """
    fields = dict(vars(message))
    for attempt in count(1):
        try:
            if message.job is not None and context.board.is_stopped(message.job):
                log.info("skipped: the job was stopped", extra=fields)
                return
            with _lease(context, message.step) as mine:
                if not mine:
                    log.info("skipped: another worker holds the lease", extra=fields)
                    return
                step(message)
        except Exception as error:  # whatever a model or storage raises
            decision = decide(error, attempt)
            if isinstance(decision, FailJob):
                log.exception("%s failed", message.name, extra=fields)
                if message.job is not None:
                    _fail_job(context, message.job, decision.reason)
                return
            if isinstance(decision, Release):
                log.warning("%s is released: %s", message.name, error, extra=fields)
                _defer(context, message.step, decision.seconds)
                return
            log.warning("%s failed, trying again: %r", message.name, error, extra=fields)
            Event().wait(decision.seconds)
        else:
            log.info("%s done", message.name, extra=fields)
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
