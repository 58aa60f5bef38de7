"""The board: the progress of each job in Redis. A hint, never the truth; `reconcile` writes it anew from storage.

Keys, below a common prefix, all bitmaps by chunk position so that a job of a million chunks takes 125 kB a model:

    job:<job>              hash: status, error
    job:<job>:scored:<m>   bit p is 1 once model m has scored chunk p
    job:<job>:parts        bit p is 1 once part p is written

and one hash for each model version, by chunk id: how often a cell was taken that has no scores yet.

    attempts:<model>:<version>
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from redis import Redis

from storage.home import home_id
from storage.place import Place

_KEPT = 7 * 24 * 3600  # seconds that the board remembers a job which ended

Status = Literal["running", "done", "failed"]


@dataclass(frozen=True)
class Progress:
    """How far a job is: chunks scored a model, and parts written."""

    status: Status
    error: str | None
    scored: Mapping[str, int]
    parts: int


def key_prefix(place: Place) -> str:
    """What every key and queue of this root begins with."""
    return f"chorus:{home_id(place)}:"


class Board:
    """Every answer may be out of date by the time it is read; every step may be told twice."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._redis, self._prefix = client, prefix

    def start(self, job: str, models: Iterable[str]) -> None:
        """The job runs (again): what the board knew of it is forgotten, and `seed` tells it anew from storage."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.delete(self._job(job), self._parts(job), *(self._scored(job, model) for model in models))
        pipe.hset(self._job(job), mapping={"status": "running", "error": ""})
        pipe.execute()

    def fail(self, job: str, error: str) -> None:
        self._redis.hset(self._job(job), mapping={"status": "failed", "error": error})

    def waiting(self, queues: Iterable[str]) -> int:
        """Messages in these queues that no worker has taken yet."""
        pipe = self._redis.pipeline(transaction=False)
        for queue in queues:
            pipe.llen(f"{self._prefix}{queue}")
        return sum(pipe.execute())

    def done(self, job: str, models: Iterable[str]) -> None:
        """The job is complete; forget it after a while."""
        pipe = self._redis.pipeline()
        pipe.hset(self._job(job), mapping={"status": "done", "error": ""})
        for key in (self._job(job), self._parts(job), *(self._scored(job, model) for model in models)):
            pipe.expire(key, _KEPT)
        pipe.execute()

    def failed(self, job: str) -> bool:
        """Whether its messages may be left alone."""
        return self._redis.hget(self._job(job), "status") == b"failed"

    def seed(self, job: str, scored: Mapping[str, Iterable[int]], parts: Iterable[int]) -> None:
        """Note what storage holds: positions scored a model, positions of parts. Bits are only ever set."""
        pipe = self._redis.pipeline(transaction=False)
        for model, positions in scored.items():
            for position in positions:
                pipe.setbit(self._scored(job, model), position, 1)
        for position in parts:
            pipe.setbit(self._parts(job), position, 1)
        pipe.execute()

    def arrived(self, job: str, model: str, positions: Sequence[int], members: Sequence[str]) -> bool:
        """The barrier: note that a model has scored these chunks; True if now every member has scored them all.

        One MULTI sets the bits and reads every member's. Whoever comes last sees them all set, and so does whoever
        is delivered again: the caller publishes `reduce` each time, which leaves when the part is there.
        """
        pipe = self._redis.pipeline(transaction=True)
        for position in positions:
            pipe.setbit(self._scored(job, model), position, 1)
        for member in members:
            for position in positions:
                pipe.getbit(self._scored(job, member), position)
        return all(pipe.execute()[len(positions) :])

    def written(self, job: str, positions: Sequence[int], parts: int) -> bool:
        """Note that the parts at these positions are written; True if now all `parts` of the job are."""
        pipe = self._redis.pipeline(transaction=True)
        for position in positions:
            pipe.setbit(self._parts(job), position, 1)
        pipe.bitcount(self._parts(job))
        return bool(pipe.execute()[-1] >= parts)

    def attempt(self, model: str, version: int, chunk: str) -> int:
        """Count an attempt at this cell, before it begins, and say which it is: 1 for the first."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.hincrby(self._attempts(model, version), chunk, 1)
        pipe.expire(self._attempts(model, version), _KEPT)
        return int(pipe.execute()[0])

    def settled(self, model: str, version: int, chunk: str) -> None:
        """The cell has its scores; forget the attempts."""
        self._redis.hdel(self._attempts(model, version), chunk)

    def progress(self, job: str, models: Sequence[str]) -> Progress | None:
        """None where the board knows nothing of the job."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(self._job(job))
        pipe.bitcount(self._parts(job))
        for model in models:
            pipe.bitcount(self._scored(job, model))
        state, parts, *scored = pipe.execute()
        if not state:
            return None
        status = cast("Status", state[b"status"].decode())
        error = state[b"error"].decode() or None
        return Progress(status, error, dict(zip(models, scored, strict=True)), parts)

    def _attempts(self, model: str, version: int) -> str:
        return f"{self._prefix}attempts:{model}:{version}"

    def _job(self, job: str) -> str:
        return f"{self._prefix}job:{job}"

    def _scored(self, job: str, model: str) -> str:
        return f"{self._job(job)}:scored:{model}"

    def _parts(self, job: str) -> str:
        return f"{self._job(job)}:parts"
