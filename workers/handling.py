"""How a worker deals with one message: skip what no longer matters, try again, or fail the job with a reason."""

import logging
from collections.abc import Callable
from itertools import count
from threading import Event
from typing import TypeVar

from redis.exceptions import RedisError

from tasks.context import Context
from tasks.messages import FinishJob, PlanJob, ReduceChunk, ScoreCell
from tasks.retry import GiveUp, decide

M = TypeVar("M", PlanJob, ScoreCell, ReduceChunk, FinishJob)

log = logging.getLogger(__name__)


def handle(context: Context, step: Callable[[M], None], message: M) -> None:
    """Run one step of a job. Returns normally in every case, so that the message is acknowledged."""
    fields = dict(vars(message))
    for attempt in count(1):
        try:
            if context.board.failed(message.job):
                log.info("left alone: the job has failed", extra=fields)
                return
            step(message)
        except Exception as error:  # whatever a model or a storage raises; the policy decides
            decision = decide(error, attempt)
            if isinstance(decision, GiveUp):
                log.exception("%s failed", message.name, extra=fields)
                _fail(context, message.job, decision.reason)
                return
            log.warning("%s failed, trying again: %r", message.name, error, extra=fields)
            Event().wait(decision.seconds)
        else:
            log.info("%s done", message.name, extra=fields)
            return


def _fail(context: Context, job: str, reason: str) -> None:
    """Tell the board; a broker that has just gone forgets the job's queue as well, and storage stands."""
    try:
        context.board.fail(job, reason)
    except RedisError:
        log.exception("the board was not told that the job failed", extra={"job": job})
