"""Helpers of the intake tests: store an upload of some bytes, and read what was stored."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from intake.dataset.refusal import AcceptedLosses
from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from storage.places.place import LocalPlace
from storage.records.feedback import Dataset, read_chunk, rejects_path
from storage.tables import decode_parquet

ALL_LOSSES = AcceptedLosses(repeated_ids=True, most_rows=True)


def upload(
    folder: Path,
    data: bytes,
    name: str = "in.csv",
    notify: Callable[[str], None] = lambda _: None,
    day: int = 1,
    accepted: AcceptedLosses = ALL_LOSSES,
    **options: object,
) -> Dataset:
    """Store an upload with these bytes, however many rows are lost.

    Its dataset is below folder / "home".
    """
    file = folder / name
    file.write_bytes(data)
    now = datetime(2026, 1, day, tzinfo=UTC)
    return store_upload(
        LocalPlace(folder / "home"),
        UploadOptions(str(file), "acme", accepted=accepted, **options),
        io.BytesIO(),
        notify,
        lambda: now,
    )


def stored_rows(folder: Path, dataset: Dataset) -> list[dict[str, object]]:
    """Return all rows of all chunks."""
    place = LocalPlace(folder / "home")
    chunks = [read_chunk(place, dataset, position) for position in range(len(dataset.chunks))]
    return [row for chunk in chunks for row in chunk.to_pylist()]


def stored_rejects(folder: Path, dataset: Dataset) -> list[tuple[object, ...]]:
    """Return (row, id, reason, detail, raw) of every reject."""
    place = LocalPlace(folder / "home")
    rows = decode_parquet(place.read(rejects_path(dataset.customer, dataset.id))).to_pylist()
    assert len(rows) == dataset.rejected == sum(dataset.reasons.values())
    return [(row["row"], row["id"], row["reason"], row["detail"], row["raw"]) for row in rows]


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by path."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def parquet_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()
