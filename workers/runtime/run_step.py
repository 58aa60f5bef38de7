"""How a worker handles one message: skip, run, retry, release, or fail the job."""

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
    """Run one step of a job, or of none.

    It returns normally in every case, so that the message is acknowledged.
    """
    fields = dict(vars(message))
    for attempt in count(1):
        try:
            if message.job is not None and context.board.is_stopped(message.job):
                log.info("left alone: the job has ended", extra=fields)
                return
            with _lease(context, message.step) as mine:
                if not mine:
                    log.info("left alone: another worker is at it", extra=fields)
                    return
                step(message)
        except Exception as error:  # whatever a model or a storage raises; the policy decides
            decision = decide(error, attempt)
            if isinstance(decision, FailJob):
                log.exception("%s failed", message.name, extra=fields)
                if message.job is not None:
                    _fail(context, message.job, decision.reason)
                return
            if isinstance(decision, Release):
                log.warning("%s is handed back: %s", message.name, error, extra=fields)
                _put_off(context, message.step, decision.seconds)
                return
            log.warning("%s failed, trying again: %r", message.name, error, extra=fields)
            Event().wait(decision.seconds)
        else:
            log.info("%s done", message.name, extra=fields)
            return


def _fail(context: Context, job: str, reason: str) -> None:
    try:
        fail_job(context, job, reason)
    except RedisError:
        log.exception("the board was not told that the job failed", extra={"job": job})


def _put_off(context: Context, step: str, seconds: float) -> None:
    if seconds and context.session is not None:
        with suppress(RedisError):  # then it is asked for sooner
            context.session.defer(step, seconds)


def _lease(context: Context, step: str) -> AbstractContextManager[bool]:
    return context.session.lease(step) if context.session else nullcontext(True)
