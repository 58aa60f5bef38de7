"""The board: the progress of each job in Redis. A hint, never the truth; `reconcile` writes it anew
from storage.

Keys, below a common prefix; the bitmaps go by chunk position, so that a job of a million chunks
takes 125 kB each:

    epoch                  drawn anew when it is not there
    running                hash: job → since when, in seconds since 1970; the jobs that are to go on
    job:<job>              hash: status, error, what the queue needs to know of the job (see tasks.planning.dispatch), and how
                           far its results are (see tasks.board.publish_progress)
    job:<job>:scored:<m>   bit p is 1 once model m has scored chunk p
    job:<job>:asked:<m>    bit p is 1 once somebody was asked to, or need not be
    job:<job>:parts        bit p is 1 once part p is written
    served                 hash: model → when a cell of it was last scored
    job:<job>:first        hash: model → the times on the way to its first scores, as JSON
    out:<m>, out:<m>:short sets: `job/p` of the cells that somebody was asked for and that are not scored
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import time
from typing import Any, Literal, cast
from uuid import uuid4

import numpy as np
from redis import Redis
from redis.client import Pipeline

from storage.places.place import Place
from storage.places.root_id import home_id

_KEPT = 7 * 24 * 3600  # seconds that the board remembers a job which ended

Status = Literal["running", "done", "failed", "cancelled", "interrupted", "removed"]

_LEAVE = """
-- Job ARGV[1] asks for nothing more. KEYS[1] want:<m>, KEYS[2] want:<m>:<lane>, KEYS[3] out:<m>, KEYS[4] out:<m>:short;
-- ARGV[2] its lane. The out sets hold a few cells a worker.
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('ZREM', KEYS[1], ARGV[2]) end
for _, out in ipairs({KEYS[3], KEYS[4]}) do
  for _, cell in ipairs(redis.call('SMEMBERS', out)) do
    if string.match(cell, '^[^/]*') == ARGV[1] then redis.call('SREM', out, cell) end
  end
end
"""


@dataclass(frozen=True)
class Progress:
    """How far a job is: chunks scored a model, and parts written."""

    status: Status
    error: str | None
    scored: Mapping[str, int]
    parts: int


@dataclass(frozen=True)
class Arrival:
    """When a job came to the board, new or again, in seconds since 1970."""

    since: float
    parts: int  # that were there then
    first_part: float | None  # when the first after that was written; None: not yet


@dataclass(frozen=True)
class FirstScores:
    """The way to a model's first scores for a job, in seconds since 1970."""

    spawned: float  # its worker's process was started
    loading: float  # and began to load the model
    loaded: float  # and had it in memory
    taken: float  # the cell was taken from the queue
    scored: float  # and its scores were stored


def key_prefix(place: Place) -> str:
    """What every key and queue of this root begins with."""
    return f"chorus:{home_id(place)}:"


class Board:
    """Every answer may be out of date by the time it is read; every step may be told twice."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self.redis, self.prefix = client, prefix
        self._leave: Any = client.register_script(_LEAVE)

    def key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)

    def reset_job(self, job: str, models: Iterable[str]) -> None:
        """What the board knew of a job that begins again, as if nobody had been asked for anything."""
        pipe = self.redis.pipeline(transaction=True)
        for key in self._keys(job, models):
            pipe.delete(key)
        pipe.hdel(self.key("running"), job)
        pipe.execute()

    def mark_running(self, job: str, facts: dict[str, Any], parts: int) -> None:
        """The job is to go on. Its `facts` are for the queue and the demand; so many parts are
        there already.
        """
        pipe = self.redis.pipeline(transaction=True)
        pipe.hset(self.key("job", job), mapping={"status": "running", "error": ""} | facts)
        for key in self._keys(job, str(facts.get("models", "")).split()):
            pipe.persist(key)
        now = str(time())
        pipe.hsetnx(self.key("job", job), "since", now)
        pipe.hsetnx(self.key("job", job), "parts", str(parts))
        pipe.hsetnx(self.key("running"), job, now)
        pipe.execute()

    def epoch(self) -> bytes | None:
        """Another than before: the board has forgotten everything since. Drawn by whoever asks
        first.
        """
        self.redis.set(self.key("epoch"), uuid4().hex, nx=True)
        return cast("bytes | None", self.redis.get(self.key("epoch")))

    def is_running(self, job: str) -> bool:
        """Whether the job is to go on."""
        return bool(self.redis.hexists(self.key("running"), job))

    def running(self) -> dict[str, float]:
        """The jobs that are to go on, and since when."""
        found = cast("dict[bytes, bytes]", self.redis.hgetall(self.key("running")))
        return {job.decode(): float(at) for job, at in found.items()}

    def mark_ended(self, job: str, status: Status, error: str = "") -> None:
        """The job does not go on and waits for nothing; forget it after a while."""
        facts = cast("list[bytes | None]", self.redis.hmget(self.key("job", job), "models", "lane"))
        models, lane = ((fact or b"").decode() for fact in facts)
        pipe = self.redis.pipeline(transaction=True)
        pipe.hdel(self.key("running"), job)
        pipe.hset(self.key("job", job), mapping={"status": status, "error": error})
        for key in self._keys(job, models.split()):
            pipe.expire(key, _KEPT)
        pipe.execute()
        for model in models.split():
            want = self.key("want", model)
            self._leave(
                keys=[want, f"{want}:{lane}", *self.outstanding_keys(model)], args=[job, lane]
            )

    def is_stopped(self, job: str) -> bool:
        """Whether its messages may be left alone: it does not go on, and is not done."""
        return self.redis.hget(self.key("job", job), "status") in (
            b"failed",
            b"cancelled",
            b"interrupted",
            b"removed",
        )

    def seed(
        self, job: str, model: str, scored: Sequence[int], asked: Sequence[int], lost: Sequence[int]
    ) -> None:
        """Note what is known of a model's chunks: scored; under way, or equal to one that is; lost,
        to be asked for.

        A scored chunk stays so: what was scored after storage was read is known here alone.
        """
        pipe = self.redis.pipeline(transaction=False)
        for position in scored:
            pipe.setbit(self.scored_key(job, model), position, 1)
        for positions, bit in ((scored, 1), (asked, 1), (lost, 0)):
            for position in positions:
                pipe.setbit(self._asked(job, model), position, bit)
        settled = [f"{job}/{position}" for positions in (scored, lost) for position in positions]
        if settled:
            for out in self.outstanding_keys(model):
                pipe.srem(out, *settled)
        self.execute_for_job(pipe, job, [model])

    def seed_parts(self, job: str, parts: Iterable[int]) -> None:
        """Note the positions of parts that are there."""
        pipe = self.redis.pipeline(transaction=False)
        for position in parts:
            pipe.setbit(self._parts(job), position, 1)
        self.execute_for_job(pipe, job)

    def mark_scored(
        self,
        job: str,
        model: str,
        positions: Sequence[int],
        members: Sequence[str],
        first: FirstScores | None = None,
    ) -> bool:
        """The barrier: note that a model has scored these chunks; True if now every member has
        scored them all.

        One MULTI sets the bits and reads every member's. Whoever comes last sees them all set, and
        so does whoever is delivered again: the caller publishes `reduce` each time, which leaves
        when the part is there.
        """
        pipe = self.redis.pipeline(transaction=True)
        if first is not None:
            pipe.hset(self.key("served"), model, str(first.scored))
            pipe.hsetnx(self.key("job", job, "first"), model, json.dumps(asdict(first)))
        for out in self.outstanding_keys(model):
            pipe.srem(out, *(f"{job}/{position}" for position in positions))
        for position in positions:
            pipe.setbit(self.scored_key(job, model), position, 1)
        for member in members:
            for position in positions:
                pipe.getbit(self.scored_key(job, member), position)
        return all(self.execute_for_job(pipe, job, [model])[-len(members) * len(positions) :])

    def requeue(self, job: str, model: str, positions: Sequence[int]) -> None:
        """Scores that were there are not, or nobody is at work on them: they have to be asked for
        again.
        """
        pipe = self.redis.pipeline(transaction=True)
        for position in positions:
            pipe.setbit(self.scored_key(job, model), position, 0)
            pipe.setbit(self._asked(job, model), position, 0)
        for out in self.outstanding_keys(model):
            pipe.srem(out, *(f"{job}/{position}" for position in positions))
        self.execute_for_job(pipe, job, [model])

    def mark_written(self, job: str, positions: Sequence[int], parts: int) -> bool:
        """Note that the parts at these positions are written; True if now all `parts` of the job
        are.
        """
        pipe = self.redis.pipeline(transaction=True)
        for position in positions:
            pipe.setbit(self._parts(job), position, 1)
        pipe.hmget(self.key("job", job), "since", "first_part")
        pipe.bitcount(self._parts(job))
        (since, first), there = self.execute_for_job(pipe, job)[-2:]
        if since and not first:  # a board that forgot the job does not know when it arrived
            self.redis.hsetnx(self.key("job", job), "first_part", str(time()))
        return bool(there >= parts)

    def progress(self, job: str, models: Sequence[str]) -> Progress | None:
        """None where the board knows nothing of the job."""
        return self.progress_of({job: models})[job]

    def progress_of(self, jobs: Mapping[str, Sequence[str]]) -> dict[str, Progress | None]:
        """Of each job, whose models are named, in one question however many they are."""
        pipe = self.redis.pipeline(transaction=False)
        for job, models in jobs.items():
            pipe.hmget(self.key("job", job), "status", "error")
            pipe.bitcount(self._parts(job))
            for model in models:
                pipe.bitcount(self.scored_key(job, model))
        answers = iter(pipe.execute())
        return {job: self._progress(models, answers) for job, models in jobs.items()}

    @staticmethod
    def _progress(models: Sequence[str], answers: Iterator[Any]) -> Progress | None:
        """Takes the answers that are its own."""
        (status, error), parts = next(answers), next(answers)
        scored = {model: next(answers) for model in models}
        if status is None:
            return None
        return Progress(cast("Status", status.decode()), error.decode() or None, scored, parts)

    def unreduced(self, job: str, models: Sequence[str]) -> list[int]:
        """Positions that every model has scored and whose part is not written."""
        pipe = self.redis.pipeline(transaction=True)
        pipe.get(self._parts(job))
        for model in models:
            pipe.get(self.scored_key(job, model))
        parts, *scored = [
            np.unpackbits(np.frombuffer(bits or b"", np.uint8)) for bits in pipe.execute()
        ]
        shortest = min(map(len, scored), default=0)
        ready = np.logical_and.reduce([bits[:shortest] for bits in scored])
        ready[: len(parts)] &= parts[:shortest] == 0
        return [int(position) for position in np.flatnonzero(ready)]

    def outstanding(self, model: str) -> set[tuple[str, int]]:
        """(job, position) of the cells that somebody was asked for and that are not scored."""
        found = self.redis.sunion(list(self.outstanding_keys(model)))
        cells = (cell.decode().split("/") for cell in cast("set[bytes]", found))
        return {(job, int(position)) for job, position in cells}

    def arrival(self, job: str) -> Arrival | None:
        """None where the board knows nothing of the job."""
        since, parts, first = self.redis.hmget(self.key("job", job), "since", "parts", "first_part")
        return (
            Arrival(float(since), int(parts), float(first) if first else None)
            if since and parts
            else None
        )

    def first_scores(self, job: str) -> dict[str, FirstScores]:
        """Model → the way to its first scores, where the job needed any."""
        found = cast("dict[bytes, bytes]", self.redis.hgetall(self.key("job", job, "first")))
        return {model.decode(): FirstScores(**json.loads(times)) for model, times in found.items()}

    def served(self) -> dict[str, float]:
        """Model → when a cell of it was last scored, in seconds since 1970."""
        found = cast("dict[bytes, bytes]", self.redis.hgetall(self.key("served")))
        return {model.decode(): float(at) for model, at in found.items()}

    def outstanding_keys(self, model: str) -> tuple[str, str]:
        return self.key("out", model), self.key("out", model, "short")

    def scored_key(self, job: str, model: str) -> str:
        return self.key("job", job, "scored", model)

    def execute_for_job(self, pipe: Pipeline, job: str, models: Iterable[str] = ()) -> list[Any]:
        """Write to the job's keys. Of a job that has ended, or is not known here, nothing may stay
        for good.
        """
        pipe.hget(self.key("job", job), "status")
        *found, status = pipe.execute()
        if status != b"running":
            for key in self._keys(job, models):
                self.redis.expire(key, _KEPT)
        return found

    def _asked(self, job: str, model: str) -> str:
        return self.key("job", job, "asked", model)

    def _parts(self, job: str) -> str:
        return self.key("job", job, "parts")

    def _keys(self, job: str, models: Iterable[str]) -> list[str]:
        each = [key(job, model) for model in models for key in (self.scored_key, self._asked)]
        return [self.key("job", job), self.key("job", job, "first"), self._parts(job), *each]
