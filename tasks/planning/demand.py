"""Demand: the rows that running jobs still need from each model, by the board.

The length of a queue does not show it: a queue has a few of the missing cells, and none of those
that are being scored.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from storage.places.place import Place
from tasks.board.board import Board
from tasks.board.job_facts import rows_in
from tasks.board.worker_profile import WorkerProfile, read_profile
from tasks.planning.dispatch import BULK_RANK, NIGHTLY_RANK


@dataclass(frozen=True)
class Demand:
    """The rows that running jobs still need from one model, and the profile of its workers."""

    model: str
    # rows not yet scored, those in flight included: of live and short jobs and of those with a
    # deadline
    urgent: int
    bulk: int  # the same, of other uploads
    nightly: int  # the same, of reprocessing
    oldest: float  # when the oldest of these jobs started, in seconds since 1970; 0 without rows
    deadline: float | None  # the earliest, in seconds since 1970
    rate: float  # rows a second of one worker: as last measured, or an estimate
    start_seconds: float  # from a worker's start to its first score: as last measured, or estimated
    memory: int  # bytes that one worker needs: as last measured, or estimated
    last_served: float = 0.0  # when a cell of it was last scored, in seconds since 1970

    @property
    def rows(self) -> int:
        """Rows of all ranks."""
        return self.urgent + self.bulk + self.nightly


@dataclass(frozen=True)
class _JobDemand:
    """The rows that one job still needs from one model."""

    rows: int
    rank: int
    since: float
    deadline: float | None


def read_demand(place: Place, board: Board, also: Iterable[str] = ()) -> list[Demand]:
    """Return the demand for every model that a running job needs, and for `also`, by name."""
    jobs_by_model, served = _jobs_by_model(board), board.served()
    return [
        _demand_of(
            name,
            jobs_by_model.get(name, []),
            read_profile(place, board, name),
            served.get(name, 0.0),
        )
        for name in sorted({*jobs_by_model, *also})
    ]


def _jobs_by_model(board: Board) -> dict[str, list[_JobDemand]]:
    """Return model → what each running job still needs from it."""
    running = board.running()
    facts_by_job = {job: facts for job, facts in board.facts(running).items() if facts is not None}
    pairs = [(job, model) for job, facts in facts_by_job.items() for model in facts.models]
    pipe = board.redis.pipeline(transaction=False)
    for job, model in pairs:
        pipe.bitcount(board.scored_key(job, model))
    jobs: dict[str, list[_JobDemand]] = defaultdict(list)
    for (job, model), scored in zip(pairs, pipe.execute(), strict=True):
        facts = facts_by_job[job]
        rows = facts.rows - rows_in(scored, facts.chunks, facts.chunk_rows, facts.rows)
        if rows > 0:
            jobs[model].append(_JobDemand(rows, facts.rank, running[job], facts.deadline))
    return jobs


def _demand_of(model: str, jobs: list[_JobDemand], profile: WorkerProfile, served: float) -> Demand:
    return Demand(
        model=model,
        urgent=sum(job.rows for job in jobs if job.rank < BULK_RANK),
        bulk=sum(job.rows for job in jobs if job.rank == BULK_RANK),
        nightly=sum(job.rows for job in jobs if job.rank == NIGHTLY_RANK),
        oldest=min((job.since for job in jobs), default=0.0),
        deadline=min((job.deadline for job in jobs if job.deadline is not None), default=None),
        rate=profile.rate,
        start_seconds=profile.start_seconds,
        memory=profile.memory,
        last_served=served,
    )
