"""The stored feedback that a model has to do with: which chunks, and the texts of a few of their
rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from ensemble.compare import MovedRow
from ensemble.customers import read_customers
from ensemble.spec import EnsembleRegistry
from storage.errors import BadRequest
from storage.places.place import Absent, Place
from storage.records import feedback
from storage.records.feedback import Dataset
from storage.tables import decode_parquet
from storage.versions.version_store import NotPublished

R = TypeVar("R", Dataset, "StoredChunk")


class NoStoredFeedback(BadRequest):
    """A customer without stored feedback."""

    def __init__(self, customer: str, there: Sequence[str]) -> None:
        self.customer, self.there = customer, there
        super().__init__(
            f"No feedback of {customer} is stored. There is some of: {', '.join(there) or 'nobody'}."
        )


class ModelNotUsed(BadRequest):
    """A customer whose ensemble has other members."""

    def __init__(self, customer: str, model: str) -> None:
        self.customer, self.model = customer, model
        super().__init__(
            f"The ensemble of {customer} does not use {model}. Choose another customer, or none for all."
        )


@dataclass(frozen=True)
class StoredChunk:
    """Chunk number `position` of a dataset."""

    dataset: Dataset
    position: int

    @property
    def id(self) -> str:
        return self.dataset.chunks[self.position].id

    @property
    def rows(self) -> int:
        return self.dataset.chunks[self.position].rows


def newest_chunks(
    place: Place,
    model: str,
    rows: int,
    customers: Sequence[str] = (),
    since: datetime | None = None,
) -> list[StoredChunk]:
    """Whole chunks that the model has to score, until they hold `rows` rows: those of the newest
    datasets first.

    Of the given customers, or of all whose ensemble uses the model. `since` leaves out what was
    taken in before, and what does not say when. Raises NoFeedbackOf, DoesNotUse, BadName,
    BadRecord.
    """
    newest: list[Dataset] = []
    for customer in _customers(place, model, customers):
        its = (
            dataset
            for dataset in feedback.datasets(place, customer)
            if since is None or dataset.uploaded_at >= since
        )
        ordered = sorted(
            (*newest, *its), key=lambda dataset: (dataset.uploaded_at, dataset.id), reverse=True
        )
        # no more, for all that there are would not fit into memory
        newest = list(_until(ordered, rows))
    return list(
        _until(
            (StoredChunk(dataset, at) for dataset in newest for at in range(len(dataset.chunks))),
            rows,
        )
    )


def _until(found: Iterable[R], rows: int) -> Iterator[R]:
    """The first of them, until they hold so many rows."""
    for one in found:
        if rows <= 0:
            return
        rows -= one.rows
        yield one


def _customers(place: Place, model: str, chosen: Sequence[str]) -> list[str]:
    there = feedback.customers(place)
    for customer in chosen:
        if customer not in there:
            raise NoStoredFeedback(customer, there)
        if not _uses(place, customer, model):
            raise ModelNotUsed(customer, model)
    return sorted(set(chosen)) or [customer for customer in there if _uses(place, customer, model)]


def _uses(place: Place, customer: str, model: str) -> bool:
    """Whether the customer's champion ensemble has the model as a member."""
    name, registry = read_customers(place).ensemble(customer), EnsembleRegistry(place)
    try:
        ensemble = registry.read(name, registry.resolve(name))
    except NotPublished:
        return False
    return model in [member.model for member in ensemble.members]


def read_moved_texts(place: Place, rows: Iterable[MovedRow]) -> dict[tuple[str, str, str], str]:
    """Customer, dataset and id → text, as the caller gave it; rows whose feedback is gone are left
    out.
    """
    wanted: dict[tuple[str, str, int], set[str]] = {}
    for row in rows:
        wanted.setdefault((row.customer, row.dataset, row.chunk), set()).add(row.id)
    found: dict[tuple[str, str, str], str] = {}
    for (customer, dataset, chunk), ids in wanted.items():
        with suppress(Absent):
            table = decode_parquet(
                place.read(feedback.chunk_path(customer, dataset, chunk)), ["id", "text"]
            )
            pairs = zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)
            found |= {(customer, dataset, name): text for name, text in pairs if name in ids}
    return found
