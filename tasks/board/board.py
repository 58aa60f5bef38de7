"""The board: the state of jobs in Redis, under the keys of tasks.board.keys.

The board is a hint, never the truth: `reconcile` rebuilds it from storage. Every value may be out
of date by the time it is read, and every call may be repeated. A bitmap has one bit for each chunk,
by position, so that a job of a million chunks takes 125 kB for each bitmap.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from time import time
from typing import Any, cast
from uuid import uuid4

import numpy as np
from redis import Redis
from redis.client import Pipeline

from tasks.board import job_facts, keys
from tasks.board.job_facts import Arrival, FirstScores, JobFacts, Progress, Status
from tasks.board.keys import ENDED_JOB_SECONDS, RedisKey

_STOPPED = (b"failed", b"cancelled", b"interrupted", b"removed")

_LEAVE_LANE = """
-- Remove the ended job ARGV[1] of lane ARGV[2] from dispatch. KEYS[1] want:<m>, KEYS[2]
-- want:<m>:<lane>, KEYS[3] out:<m>, KEYS[4] out:<m>:short. The out sets hold a few cells for each
-- worker.
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('ZREM', KEYS[1], ARGV[2]) end
for _, out in ipairs({KEYS[3], KEYS[4]}) do
  for _, cell in ipairs(redis.call('SMEMBERS', out)) do
    if string.match(cell, '^[^/]*') == ARGV[1] then redis.call('SREM', out, cell) end
  end
end
"""


class Board:
    """The board of one root, on a Redis client whose keys begin with `prefix`."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self.redis, self._prefix = client, prefix
        self._leave_lane: Any = client.register_script(_LEAVE_LANE)

    def key(self, key: RedisKey, *fields: str) -> str:
        """Return the full key with these values for its fields."""
        return self._prefix + key.build(*fields)

    def epoch(self) -> bytes | None:
        """Return the board's random value, drawn if there is none.

        A value other than the one read before means that Redis lost its data in between.
        """
        epoch = self.key(keys.EPOCH)
        self.redis.set(epoch, uuid4().hex, nx=True)
        return cast("bytes | None", self.redis.get(epoch))

    def reset_job(self, job: str, models: Iterable[str]) -> None:
        """Delete the state of a job that starts again, as if no cell had been dispatched."""
        pipe = self.redis.pipeline(transaction=True)
        for key in self._keys_of(job, models):
            pipe.delete(key)
        pipe.hdel(self.key(keys.RUNNING), job)
        pipe.execute()

    def mark_running(self, job: str, facts: JobFacts, parts: int) -> None:
        """Note that the job is running; `parts`: how many of its parts are written already."""
        key, now = self.key(keys.JOB, job), str(time())
        pipe = self.redis.pipeline(transaction=True)
        fields: dict[Any, Any] = {"status": "running", "error": ""} | facts.encode()
        pipe.hset(key, mapping=fields)
        for job_key in self._keys_of(job, facts.models):
            pipe.persist(job_key)
        pipe.hsetnx(key, "since", now)
        pipe.hsetnx(key, "parts", str(parts))
        pipe.hsetnx(self.key(keys.RUNNING), job, now)
        pipe.execute()

    def mark_ended(self, job: str, status: Status, error: str = "") -> None:
        """Note that the job has ended, and remove it from dispatch.

        Its keys expire after 7 days.
        """
        key = self.key(keys.JOB, job)
        facts = self.facts([job])[job]
        models = facts.models if facts else ()
        pipe = self.redis.pipeline(transaction=True)
        pipe.hdel(self.key(keys.RUNNING), job)
        pipe.hset(key, mapping={"status": status, "error": error})
        for job_key in self._keys_of(job, models):
            pipe.expire(job_key, ENDED_JOB_SECONDS)
        pipe.execute()
        for model in models:
            lane = facts.lane if facts else ""
            self._leave_lane(
                keys=[
                    self.key(keys.LANES, model),
                    self.key(keys.LANE, model, lane),
                    *self.outstanding_keys(model),
                ],
                args=[job, lane],
            )

    def is_running(self, job: str) -> bool:
        """Return whether the job is running."""
        return bool(self.redis.hexists(self.key(keys.RUNNING), job))

    def is_stopped(self, job: str) -> bool:
        """Return whether the job is stopped: its messages are skipped."""
        return self.redis.hget(self.key(keys.JOB, job), "status") in _STOPPED

    def running(self) -> dict[str, float]:
        """Return the running jobs and when each started, in seconds since 1970."""
        started = cast("dict[bytes, bytes]", self.redis.hgetall(self.key(keys.RUNNING)))
        return {job.decode(): float(at) for job, at in started.items()}

    def facts(self, jobs: Iterable[str]) -> dict[str, JobFacts | None]:
        """Return the facts of each job, in one request; None where the board does not know it."""
        jobs = list(jobs)
        pipe = self.redis.pipeline(transaction=False)
        for job in jobs:
            pipe.hmget(self.key(keys.JOB, job), *job_facts.FIELDS)
        return dict(zip(jobs, map(JobFacts.decode, pipe.execute()), strict=True))

    def seed(
        self,
        job: str,
        model: str,
        scored: Sequence[int],
        in_flight: Sequence[int],
        missing: Sequence[int],
    ) -> None:
        """Note the state of a model's chunks, by position.

        `missing`: to be dispatched. `in_flight`: not to be dispatched, because the cell is queued
        or leased, or because another chunk with the same texts stands for it. A chunk that was
        scored after storage was read stays scored, because the board is newer than what was read.
        """
        pipe = self.redis.pipeline(transaction=False)
        for position in scored:
            pipe.setbit(self.scored_key(job, model), position, 1)
        for positions, bit in ((scored, 1), (in_flight, 1), (missing, 0)):
            for position in positions:
                pipe.setbit(self.key(keys.DISPATCHED, job, model), position, bit)
        cells = [f"{job}/{position}" for positions in (scored, missing) for position in positions]
        if cells:
            for out in self.outstanding_keys(model):
                pipe.srem(out, *cells)
        self.execute_for_job(pipe, job, [model])

    def seed_parts(self, job: str, parts: Iterable[int]) -> None:
        """Note the positions of parts that are written."""
        pipe = self.redis.pipeline(transaction=False)
        for position in parts:
            pipe.setbit(self.key(keys.PARTS, job), position, 1)
        self.execute_for_job(pipe, job)

    def mark_scored(
        self,
        job: str,
        model: str,
        positions: Sequence[int],
        members: Sequence[str],
        first: FirstScores | None = None,
    ) -> bool:
        """Note that a model has scored these chunks; return whether every member has now (barrier).

        One MULTI sets the bits and reads every member's. The last member sees them all set, and so
        does a repeated delivery: the caller publishes `reduce` each time, and `reduce` returns when
        the part exists.
        """
        pipe = self.redis.pipeline(transaction=True)
        if first is not None:
            pipe.hset(self.key(keys.SERVED), model, str(first.scored))
            pipe.hsetnx(self.key(keys.FIRST_SCORES, job), model, json.dumps(asdict(first)))
        for out in self.outstanding_keys(model):
            pipe.srem(out, *(f"{job}/{position}" for position in positions))
        for position in positions:
            pipe.setbit(self.scored_key(job, model), position, 1)
        for member in members:
            for position in positions:
                pipe.getbit(self.scored_key(job, member), position)
        return all(self.execute_for_job(pipe, job, [model])[-len(members) * len(positions) :])

    def requeue(self, job: str, model: str, positions: Sequence[int]) -> None:
        """Note that these chunks have no scores and are not in flight.

        They are dispatched again.
        """
        pipe = self.redis.pipeline(transaction=True)
        for position in positions:
            pipe.setbit(self.scored_key(job, model), position, 0)
            pipe.setbit(self.key(keys.DISPATCHED, job, model), position, 0)
        for out in self.outstanding_keys(model):
            pipe.srem(out, *(f"{job}/{position}" for position in positions))
        self.execute_for_job(pipe, job, [model])

    def mark_written(self, job: str, positions: Sequence[int], parts: int) -> bool:
        """Note that these parts are written; return whether all `parts` of the job are now."""
        key = self.key(keys.JOB, job)
        pipe = self.redis.pipeline(transaction=True)
        for position in positions:
            pipe.setbit(self.key(keys.PARTS, job), position, 1)
        pipe.hmget(key, "since", "first_part")
        pipe.bitcount(self.key(keys.PARTS, job))
        (since, first), written = self.execute_for_job(pipe, job)[-2:]
        if since and not first:  # a board that lost the job does not know when it arrived
            self.redis.hsetnx(key, "first_part", str(time()))
        return bool(written >= parts)

    def progress(self, job: str, models: Sequence[str]) -> Progress | None:
        """Return a job's progress; None where the board does not know the job."""
        return self.progress_of({job: models})[job]

    def progress_of(self, jobs: Mapping[str, Sequence[str]]) -> dict[str, Progress | None]:
        """Return the progress of each job, whose models are given, in one request."""
        pipe = self.redis.pipeline(transaction=False)
        for job, models in jobs.items():
            pipe.hmget(self.key(keys.JOB, job), "status", "error")
            pipe.bitcount(self.key(keys.PARTS, job))
            for model in models:
                pipe.bitcount(self.scored_key(job, model))
        replies = iter(pipe.execute())
        return {job: _progress(models, replies) for job, models in jobs.items()}

    def unreduced(self, job: str, models: Sequence[str]) -> list[int]:
        """Return the positions of chunks that every model has scored and whose part is missing."""
        pipe = self.redis.pipeline(transaction=True)
        pipe.get(self.key(keys.PARTS, job))
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
        """Return (job, position) of the cells that were dispatched and are not scored."""
        members = self.redis.sunion(list(self.outstanding_keys(model)))
        cells = (cell.decode().split("/") for cell in cast("set[bytes]", members))
        return {(job, int(position)) for job, position in cells}

    def arrival(self, job: str) -> Arrival | None:
        """Return when the job arrived; None where the board does not know the job."""
        since, parts, first = self.redis.hmget(
            self.key(keys.JOB, job), "since", "parts", "first_part"
        )
        if not since or not parts:
            return None
        return Arrival(float(since), int(parts), float(first) if first else None)

    def first_scores(self, job: str) -> dict[str, FirstScores]:
        """Return model → times on the way to its first scores, where the job needed scores."""
        times = cast("dict[bytes, bytes]", self.redis.hgetall(self.key(keys.FIRST_SCORES, job)))
        return {model.decode(): FirstScores(**json.loads(value)) for model, value in times.items()}

    def served(self) -> dict[str, float]:
        """Return model → when a cell of it was last scored, in seconds since 1970."""
        times = cast("dict[bytes, bytes]", self.redis.hgetall(self.key(keys.SERVED)))
        return {model.decode(): float(at) for model, at in times.items()}

    def outstanding_keys(self, model: str) -> tuple[str, str]:
        """Return the keys of a model's outstanding cells: of ranks after the first, and of it."""
        return self.key(keys.OUTSTANDING, model), self.key(keys.OUTSTANDING_SHORT, model)

    def scored_key(self, job: str, model: str) -> str:
        """Return the key of the bitmap of chunks that the model has scored."""
        return self.key(keys.SCORED, job, model)

    def execute_for_job(self, pipe: Pipeline, job: str, models: Iterable[str] = ()) -> list[Any]:
        """Execute a pipeline that writes a job's keys, and return its replies.

        Where the job has ended or is not known, what was written expires.
        """
        pipe.hget(self.key(keys.JOB, job), "status")
        *replies, status = pipe.execute()
        if status != b"running":
            for key in self._keys_of(job, models):
                self.redis.expire(key, ENDED_JOB_SECONDS)
        return replies

    def _keys_of(self, job: str, models: Iterable[str]) -> list[str]:
        """Return the keys of the job, and of these models of it."""
        whole = [self.key(key, job) for key in (keys.JOB, keys.FIRST_SCORES, keys.PARTS)]
        return whole + [
            self.key(key, job, model) for model in models for key in (keys.SCORED, keys.DISPATCHED)
        ]


def _progress(models: Sequence[str], replies: Iterator[Any]) -> Progress | None:
    """Take the replies for one job off the front of all replies."""
    (status, error), parts = next(replies), next(replies)
    scored = {model: next(replies) for model in models}
    if status is None:
        return None
    return Progress(cast("Status", status.decode()), error.decode() or None, scored, parts)
