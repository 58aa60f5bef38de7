"""Several text columns of one upload: joined to one text, or a dataset each."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.dataset.refusal import AcceptedLosses
from intake.dataset.upload import store_columns
from intake.dataset.upload_options import UploadOptions
from intake.errors import UnreadableUpload
from intake.readers.columns import ColumnRequest
from intake.readers.join_texts import join_columns, join_texts
from storage.places.place import LocalPlace
from storage.records.feedback import Dataset
from tests.support.intake_files import files_below, parquet_bytes, stored_rows, upload

ROWS = [
    {"id": "1", "likes": "fast", "dislikes": "dear", "note": "x"},
    {"id": "2", "likes": "", "dislikes": "late", "note": "y"},
    {"id": "3", "likes": "kind", "dislikes": None, "note": "z"},
    {"id": "4", "likes": None, "dislikes": " ", "note": "z"},
]
BOTH = ColumnRequest(("likes", "dislikes"))


def as_csv() -> bytes:
    lines = [",".join(value or "" for value in row.values()) for row in ROWS]
    return "\n".join([",".join(ROWS[0]), *lines]).encode()


FILES = {
    "in.csv": as_csv(),
    "in.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "in.parquet": parquet_bytes(pa.Table.from_pylist(ROWS)),
}


def store(folder: Path, requests: list[ColumnRequest]) -> list[Dataset]:
    (folder / "in.csv").write_bytes(FILES["in.csv"])
    options = UploadOptions(
        str(folder / "in.csv"), "acme", accepted=AcceptedLosses(blank_texts=True)
    )
    now = datetime(2026, 1, 1, tzinfo=UTC)
    home = LocalPlace(folder / "home")
    return store_columns(home, options, requests, io.BytesIO(), lambda _: None, lambda: now)


@pytest.mark.parametrize("name", FILES)
def test_joined_texts_have_a_blank_line_between_and_the_columns_are_kept(
    tmp_path: Path, name: str
) -> None:
    dataset = upload(tmp_path, FILES[name], name, columns=BOTH)
    rows = stored_rows(tmp_path, dataset)
    assert [(row["id"], row["text"]) for row in rows] == [
        ("1", "fast\n\ndear"),
        ("2", "late"),
        ("3", "kind"),
    ]
    assert rows[0]["clean"] == "fast dear"
    extra = dict(rows[0]["extra"])  # type: ignore[call-overload]
    assert (extra["likes"], extra["dislikes"], extra["note"]) == ("fast", "dear", "x")
    assert "id" not in extra
    assert dataset.reasons == {"no text": 1}
    assert dataset.source.text_column == "likes + dislikes"


def test_the_order_of_joined_columns_is_that_of_the_request_and_makes_another_dataset(
    tmp_path: Path,
) -> None:
    first = upload(tmp_path, FILES["in.csv"], columns=BOTH)
    second = upload(tmp_path, FILES["in.csv"], columns=ColumnRequest(("dislikes", "likes")))
    alone = upload(tmp_path, FILES["in.csv"], columns=ColumnRequest(("likes",)))
    assert len({first.id, second.id, alone.id}) == 3
    assert stored_rows(tmp_path, second)[0]["text"] == "dear\n\nfast"


@pytest.mark.parametrize(
    "request_", [ColumnRequest(("likes", "Likes")), ColumnRequest(("likes", "id"), "id")]
)
def test_a_column_that_is_asked_for_twice_is_refused(
    tmp_path: Path, request_: ColumnRequest
) -> None:
    with pytest.raises(UnreadableUpload, match="asked for"):
        upload(tmp_path, FILES["in.csv"], columns=request_)


def test_each_text_column_becomes_a_dataset_as_if_it_had_come_alone(tmp_path: Path) -> None:
    requests = [ColumnRequest(("likes",)), ColumnRequest(("dislikes",))]
    likes, dislikes = store(tmp_path, requests)
    assert [row["text"] for row in stored_rows(tmp_path, likes)] == ["fast", "kind"]
    assert [row["text"] for row in stored_rows(tmp_path, dislikes)] == ["dear", "late"]
    assert (likes.rejected, dislikes.rejected) == (2, 2), "a blank text is rejected in its column"
    (tmp_path / "alone").mkdir()
    assert store(tmp_path / "alone", requests[:1]) == [likes]
    assert store(tmp_path, requests) == [likes, dislikes]


def test_nothing_is_stored_if_one_of_the_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableUpload, match="has no column 'nope'"):
        store(tmp_path, [ColumnRequest(("likes",)), ColumnRequest(("nope",))])
    assert files_below(tmp_path / "home") == {}


def test_every_column_of_a_stream_is_read(tmp_path: Path) -> None:
    options = UploadOptions("-", "acme", accepted=AcceptedLosses(blank_texts=True))
    requests = [ColumnRequest(("likes",)), ColumnRequest(("dislikes",))]
    stdin = io.BytesIO(FILES["in.csv"])
    home = LocalPlace(tmp_path / "home")
    datasets = store_columns(home, options, requests, stdin, lambda _: None)
    assert [dataset.rows for dataset in datasets] == [2, 2]


@given(st.lists(st.lists(st.none() | st.text(), min_size=2, max_size=2), max_size=5))
def test_rows_are_joined_as_columns_are(rows: list[list[str | None]]) -> None:
    columns = [pa.array([row[column] for row in rows], pa.string()) for column in range(2)]
    assert [text or "" for text in join_columns(columns).to_pylist()] == [
        join_texts(row) for row in rows
    ]
