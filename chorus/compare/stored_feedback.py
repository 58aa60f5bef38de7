"""Stored feedback that a model scores: its newest chunks, and the texts of single rows."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeVar

from ensemble.compare import MovedRow
from ensemble.customers import read_customers
from ensemble.spec import EnsembleRegistry
from storage.errors import BadRequest
from storage.name_list import list_names
from storage.places.place import Absent, Place
from storage.records import feedback
from storage.records.feedback import Dataset
from storage.tables import decode_parquet
from storage.versions.version_store import NotPublished

HasRows = TypeVar("HasRows", Dataset, "StoredChunk")


class NoStoredFeedback(BadRequest):
    """A customer that has no stored feedback."""

    def __init__(self, customer: str, customers: Sequence[str]) -> None:
        self.customer, self.customers = customer, customers
        super().__init__(
            f"No feedback of {customer} is stored. Customers with stored feedback: "
            f"{list_names(customers, customer)}."
        )


class ModelNotUsed(BadRequest):
    """A customer whose ensemble does not have the model as a member."""

    def __init__(self, customer: str, model: str) -> None:
        self.customer, self.model = customer, model
        super().__init__(
            f"The ensemble of {customer} does not use {model}. Choose another customer, or none "
            "to compare all that use it."
        )


@dataclass(frozen=True)
class StoredChunk:
    """Chunk of a dataset by its position, from 0."""

    dataset: Dataset
    position: int

    @property
    def id(self) -> str:
        """Id of the chunk."""
        return self.dataset.chunks[self.position].id

    @property
    def rows(self) -> int:
        """Number of rows in the chunk."""
        return self.dataset.chunks[self.position].rows


def newest_chunks(
    place: Place,
    model: str,
    rows: int,
    customers: Sequence[str] = (),
    since: datetime | None = None,
) -> list[StoredChunk]:
    """Return whole chunks of the newest datasets, newest first, until they hold `rows` rows.

    They are those of the given customers, or of all customers whose ensemble uses the model.
    `since` leaves out datasets that were taken in before it or have no such date.

    Raises NoStoredFeedback, ModelNotUsed, BadName, BadConfigFile, BadRecord.
    """
    newest: list[Dataset] = []
    for customer in customers_using(place, model, customers):
        datasets = (
            dataset
            for dataset in feedback.datasets(place, customer)
            if since is None or dataset.uploaded_at >= since
        )
        ordered = sorted(
            (*newest, *datasets),
            key=lambda dataset: (dataset.uploaded_at, dataset.id),
            reverse=True,
        )
        # Keep no more than needed: all datasets of all customers would not fit into memory.
        newest = list(_take_rows(ordered, rows))
    return list(
        _take_rows(
            (
                StoredChunk(dataset, position)
                for dataset in newest
                for position in range(len(dataset.chunks))
            ),
            rows,
        )
    )


def _take_rows(items: Iterable[HasRows], rows: int) -> Iterator[HasRows]:
    """Yield the first items, until they hold that many rows together."""
    for item in items:
        if rows <= 0:
            return
        rows -= item.rows
        yield item


def customers_using(place: Place, model: str, chosen: Sequence[str] = ()) -> list[str]:
    """Return the customers with stored feedback whose ensemble uses the model; none chosen: all.

    Raises NoStoredFeedback, ModelNotUsed, BadName, BadConfigFile, BadRecord.
    """
    with_feedback, customers = feedback.customers(place), read_customers(place)
    registry = EnsembleRegistry(place)

    @cache
    def is_member(ensemble: str) -> bool:
        """Tell whether the champion of an ensemble has the model as a member."""
        try:
            members = registry.read(ensemble, registry.resolve(ensemble)).members
        except NotPublished:
            return False
        return model in [member.model for member in members]

    for customer in chosen:
        if customer not in with_feedback:
            raise NoStoredFeedback(customer, with_feedback)
        if not is_member(customers.ensemble(customer)):
            raise ModelNotUsed(customer, model)
    return sorted(set(chosen)) or [
        customer for customer in with_feedback if is_member(customers.ensemble(customer))
    ]


def read_moved_texts(place: Place, rows: Iterable[MovedRow]) -> dict[tuple[str, str, str], str]:
    """Return the texts of the rows by customer, dataset and id.

    Rows whose feedback is no longer stored are left out.
    """
    ids_by_chunk: dict[tuple[str, str, int], set[str]] = {}
    for row in rows:
        ids_by_chunk.setdefault((row.customer, row.dataset, row.chunk), set()).add(row.id)
    texts: dict[tuple[str, str, str], str] = {}
    for (customer, dataset, chunk), ids in ids_by_chunk.items():
        with suppress(Absent):
            table = decode_parquet(
                place.read(feedback.chunk_path(customer, dataset, chunk)), ["id", "text"]
            )
            pairs = zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)
            texts |= {(customer, dataset, id_): text for id_, text in pairs if id_ in ids}
    return texts
