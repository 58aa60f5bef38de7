"""How far the results of a job are on their way to its topic, on the board.

Fields of `job:<job>`, from when its labels count:

    published              parts whose results the topic has confirmed
    refused                how often the topic has not taken the next part; `error` says why
"""

from tasks.board import Board


def published(board: Board, job: str) -> int | None:
    """How many parts; None where nobody knows that its labels count."""
    found = board.redis.hget(board.key("job", job), "published")
    return None if found is None else int(found)


def note_published(board: Board, job: str, parts: int) -> None:
    """The labels of the job count, and so many parts of its results are published."""
    pipe = board.redis.pipeline(transaction=True)
    pipe.hset(board.key("job", job), mapping={"published": parts, "refused": 0, "error": ""})
    board.note(pipe, job)


def note_refused(board: Board, job: str, reason: str) -> int:
    """The topic did not take the next part, for a reason that people may read; how often it has not by now."""
    pipe = board.redis.pipeline(transaction=True)
    pipe.hset(board.key("job", job), "error", reason)
    pipe.hincrby(board.key("job", job), "refused", 1)
    return int(board.note(pipe, job)[-1])
