"""What is asked of each model, by the board: a queue is short however much is wanted, and lacks
what is in work.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from storage.places.place import Place
from tasks.board.board import Board
from tasks.board.worker_profile import Needs, needs
from tasks.planning.dispatch import BULK_RANK, NIGHTLY_RANK


@dataclass(frozen=True)
class Demand:
    """What is asked of one model, and what is known of a worker of it."""

    model: str
    # rows asked for and not yet scored, in work included: of live and short jobs and those with a
    # deadline
    urgent: int
    bulk: int  # the same, of uploads
    nightly: int  # the same, of reprocessing
    # since when the oldest job among them waits, in seconds since 1970; 0 without rows
    oldest: float
    deadline: float | None  # the nearest, on the same clock
    rate: float  # rows a second that one worker was last measured to score; a guess before that
    # from the start of a worker to its first score, as last measured; a guess before that
    start_seconds: float
    memory: int  # bytes that one worker takes, as last measured; a guess before that
    last_served: float = 0.0  # when a cell of it was last scored, on the same clock

    @property
    def rows(self) -> int:
        return self.urgent + self.bulk + self.nightly


@dataclass(frozen=True)
class _Wanted:
    """Of one job."""

    rows: int
    rank: int
    since: float
    deadline: float | None


def demand(place: Place, board: Board, also: Iterable[str] = ()) -> list[Demand]:
    """Every model that a running job is not done with, and those named `also`; sorted by name."""
    wanted, served = _wanted(board), board.served()
    names = sorted({*wanted, *also})
    return [
        _of(needs(place, board, name), name, wanted.get(name, []), served.get(name, 0.0))
        for name in names
    ]


def rows_in(chunks: int, of: int, chunk_rows: int, rows: int) -> int:
    """Rows in so many chunks of a dataset: all are of one size but the last, which counts once all
    are there.
    """
    return min(chunks * chunk_rows, rows) if chunks < of else rows


def _wanted(board: Board) -> dict[str, list[_Wanted]]:
    """Model → what each running job still wants of it."""
    running = board.running()
    names = ("rank", "deadline", "rows", "chunk_rows", "chunks", "models")
    pipe = board.redis.pipeline(transaction=False)
    for job in running:
        pipe.hmget(board.key("job", job), *names)
    facts = {
        job: found for job, found in zip(running, pipe.execute(), strict=True) if None not in found
    }
    pairs = [(job, model) for job, found in facts.items() for model in found[-1].decode().split()]
    pipe = board.redis.pipeline(transaction=False)
    for job, model in pairs:
        pipe.bitcount(board.scored_key(job, model))
    wanted: dict[str, list[_Wanted]] = defaultdict(list)
    for (job, model), scored in zip(pairs, pipe.execute(), strict=True):
        rank, deadline, rows, chunk_rows, chunks = (found.decode() for found in facts[job][:-1])
        left = int(rows) - rows_in(scored, int(chunks), int(chunk_rows), int(rows))
        if left > 0:
            wanted[model].append(
                _Wanted(left, int(rank), running[job], float(deadline) if deadline else None)
            )
    return wanted


def _of(known: Needs, model: str, jobs: list[_Wanted], served: float) -> Demand:
    return Demand(
        model=model,
        urgent=sum(job.rows for job in jobs if job.rank < BULK_RANK),
        bulk=sum(job.rows for job in jobs if job.rank == BULK_RANK),
        nightly=sum(job.rows for job in jobs if job.rank == NIGHTLY_RANK),
        oldest=min((job.since for job in jobs), default=0.0),
        deadline=min((job.deadline for job in jobs if job.deadline is not None), default=None),
        rate=known.rate,
        start_seconds=known.start_seconds,
        memory=known.memory,
        last_served=served,
    )
