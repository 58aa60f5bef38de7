"""How far the results of a job are on their way to its topic, on the board.

Fields of `job:<job>`, from when its labels count:

    published              parts whose results the topic has confirmed
    refused                how often the topic has not taken the next part; `error` says why

And a key of its own:

    refused:<topic>        why the topic took nothing the last time; there for a while, in which nobody tries it
"""

from typing import cast

from tasks.board.board import Board

_AWAY_SECONDS = 8


def published(board: Board, job: str) -> int | None:
    """How many parts; None where nobody knows that its labels count."""
    found = board.redis.hget(board.key("job", job), "published")
    return None if found is None else int(found)


def note_published(board: Board, job: str, parts: int) -> None:
    """The labels of the job count, and so many parts of its results are published."""
    pipe = board.redis.pipeline(transaction=True)
    pipe.hset(board.key("job", job), mapping={"published": parts, "refused": 0, "error": ""})
    board.execute_for_job(pipe, job)


def why_refused(board: Board, topic: str) -> str | None:
    """Why the topic took nothing from another job just now; None if it may be tried."""
    found = cast("bytes | None", board.redis.get(board.key("refused", topic)))
    return None if found is None else found.decode()


def note_away(board: Board, topic: str, reason: str) -> None:
    """The topic takes nothing now: each job that tried it as well would block a thread for seconds."""
    board.redis.set(board.key("refused", topic), reason, ex=_AWAY_SECONDS)


def note_refused(board: Board, job: str, reason: str) -> int:
    """The topic did not take the next part, for a reason that people may read; how often it has not
    by now.
    """
    pipe = board.redis.pipeline(transaction=True)
    pipe.hset(board.key("job", job), "error", reason)
    pipe.hincrby(board.key("job", job), "refused", 1)
    return int(board.execute_for_job(pipe, job)[-1])
