"""How many parts of a job's results are published to its topic.

The hash `job:<job>` has these fields from when the job's labels are active:

    published              parts whose results the topic has confirmed
    refused                attempts at the next part that the topic refused; `error` is the reason

A topic that refused is not tried by other jobs for a few seconds.
"""

from typing import cast

from tasks.board import keys
from tasks.board.board import Board

_REFUSED_SECONDS = 8


def published_parts(board: Board, job: str) -> int | None:
    """Return how many parts are published; None where the job's labels are not active yet."""
    parts = board.redis.hget(board.key(keys.JOB, job), "published")
    return None if parts is None else int(parts)


def set_published_parts(board: Board, job: str, parts: int) -> None:
    """Note that so many parts of the job's results are published.

    Its labels are active from the first call on, with 0 parts.
    """
    pipe = board.redis.pipeline(transaction=True)
    pipe.hset(board.key(keys.JOB, job), mapping={"published": parts, "refused": 0, "error": ""})
    board.execute_for_job(pipe, job)


def topic_refusal(board: Board, topic: str) -> str | None:
    """Return why the topic refused a moment ago; None if it may be tried."""
    reason = cast("bytes | None", board.redis.get(board.key(keys.TOPIC_REFUSED, topic)))
    return None if reason is None else reason.decode()


def mark_topic_refused(board: Board, topic: str, reason: str) -> None:
    """Keep other jobs from the topic for a few seconds: each would block a thread for as long."""
    board.redis.set(board.key(keys.TOPIC_REFUSED, topic), reason, ex=_REFUSED_SECONDS)


def count_refusal(board: Board, job: str, reason: str) -> int:
    """Count an attempt at the job's next part that its topic refused; return their number."""
    pipe = board.redis.pipeline(transaction=True)
    pipe.hset(board.key(keys.JOB, job), "error", reason)
    pipe.hincrby(board.key(keys.JOB, job), "refused", 1)
    return int(board.execute_for_job(pipe, job)[-1])
