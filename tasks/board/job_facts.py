"""What the board knows of a job: its facts for dispatch and demand, its progress and its times.

The facts are fields of the hash `job:<job>`, so that dispatch and demand need not read storage. The
script in tasks.planning.dispatch reads `chunks` too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from storage.records.feedback import Dataset

Status = Literal["running", "done", "failed", "cancelled", "interrupted", "removed"]


@dataclass(frozen=True)
class JobFacts:
    """The models that a job needs, its size, and how urgent it is."""

    models: tuple[str, ...]
    rank: int  # see tasks.planning.dispatch.rank_of
    lane: str  # its rank and customer
    deadline: float | None  # in seconds since 1970
    rows: int
    chunk_rows: int  # rows of every chunk but the last
    chunks: int

    def encode(self) -> dict[str, str | int | float]:
        """Return the fields of the hash."""
        return {
            "models": " ".join(self.models),
            "rank": self.rank,
            "lane": self.lane,
            "deadline": "" if self.deadline is None else self.deadline,
            "rows": self.rows,
            "chunk_rows": self.chunk_rows,
            "chunks": self.chunks,
        }

    @classmethod
    def decode(cls, values: Sequence[bytes | None]) -> "JobFacts | None":
        """Return the facts from the values of FIELDS, in that order; None where one is missing."""
        if None in values:
            return None
        fields = dict(
            zip(FIELDS, (value.decode() for value in values if value is not None), strict=True)
        )
        return cls(
            models=tuple(fields["models"].split()),
            rank=int(fields["rank"]),
            lane=fields["lane"],
            deadline=float(fields["deadline"]) if fields["deadline"] else None,
            rows=int(fields["rows"]),
            chunk_rows=int(fields["chunk_rows"]),
            chunks=int(fields["chunks"]),
        )


FIELDS = ("models", "rank", "lane", "deadline", "rows", "chunk_rows", "chunks")


@dataclass(frozen=True)
class Progress:
    """A job's status, its scored chunks by model, and its written parts."""

    status: Status
    error: str | None
    scored: Mapping[str, int]
    parts: int


@dataclass(frozen=True)
class Arrival:
    """Time of a job's arrival on the board, new or again, in seconds since 1970."""

    since: float
    parts: int  # written before that
    first_part: float | None  # when the first part after that was written; None: not yet


@dataclass(frozen=True)
class FirstScores:
    """Times on the way to a model's first scores for a job, in seconds since 1970."""

    spawned: float  # its worker process was started
    loading: float  # the worker began to load the model
    loaded: float  # the model was in memory
    taken: float  # the cell was taken from the queue
    scored: float  # its scores were stored


def rows_in(chunks: int, of: int, chunk_rows: int, rows: int) -> int:
    """Return the rows in `chunks` of a dataset's `of` chunks.

    All chunks have `chunk_rows` rows but the last, which counts once all are counted.
    """
    return min(chunks * chunk_rows, rows) if chunks < of else rows


def rows_in_chunks(chunks: int, dataset: Dataset) -> int:
    """Return the rows in so many chunks of a dataset, see rows_in."""
    return rows_in(chunks, len(dataset.chunks), dataset.chunk_rows, dataset.rows)
