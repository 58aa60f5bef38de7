"""Any bytes give a dataset whose counts add up, or a clear error."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import ChorusError
from storage.records.feedback import Dataset
from tests.support.intake_files import (
    files_below,
    parquet_bytes,
    stored_rejects,
    stored_rows,
    upload,
)

MANY_FILES = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
CSV = b"id,text,n\n1,one,x\n2,two,y\n3,three,z\n"


def texts(folder: Path, dataset: Dataset) -> list[tuple[object, object]]:
    return [(row["row"], row["text"]) for row in stored_rows(folder, dataset)]


def nothing_is_stored(folder: Path) -> bool:
    return files_below(folder / "home") == {}


@MANY_FILES
@given(
    st.binary(max_size=300),
    st.sampled_from(["in.csv", "in.tsv", "in.jsonl", "in.parquet", "in.csv.gz", "in"]),
)
def test_random_bytes_give_a_dataset_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    prefix = {
        "in.csv": b"text,n\n",
        "in.tsv": b"id\ttext\n",
        "in.jsonl": b'{"text": "a", "id": 1}\n',
    }.get(name, b"")
    assert_adds_up_or_clear_error(tmp_path_factory.mktemp("random"), data, name)
    assert_adds_up_or_clear_error(tmp_path_factory.mktemp("random"), prefix + data, name)


GOOD = {
    "in.csv": CSV * 3,
    "in.csv.gz": gzip.compress(CSV * 3),
    "in.jsonl": b"".join(
        json.dumps({"id": n, "text": f"t\u00e9xt {n}"}).encode() + b"\n" for n in range(9)
    ),
    "in.parquet": parquet_bytes(
        pa.table({"id": [1, 2, 3], "text": ["a", "b", "c"], "n": [[1], None, []]})
    ),
}


@MANY_FILES
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3)), max_size=4),
    st.floats(0, 1),
)
def test_damaged_files_give_a_dataset_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    changes: list[tuple[float, bytes]],
    length: float,
) -> None:
    data = GOOD[name]
    for where, new in changes:
        at = int(where * len(data))
        data = data[:at] + new + data[at + len(new) :]
    assert_adds_up_or_clear_error(
        tmp_path_factory.mktemp("damaged"), data[: int(length * len(data)) + 1], name
    )


def assert_adds_up_or_clear_error(folder: Path, data: bytes, name: str) -> None:
    try:
        dataset = upload(folder, data, name)
    except ChorusError:
        assert nothing_is_stored(folder)
    else:
        assert dataset.rows_in == dataset.rows + dataset.rejected
        rows = [row for row, _ in texts(folder, dataset)] + [
            row[0] for row in stored_rejects(folder, dataset)
        ]
        assert len(rows) == len(set(rows)) == dataset.rows_in
        # an empty line is a blank row without a number
        assert set(rows) <= set(range(1, dataset.rows_in + dataset.blank_rows + 1))


FIELD = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text(
    st.sampled_from('a ,"\r\n\x00\t'), max_size=4
)


@MANY_FILES
@given(
    rows=st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=12),
    chunk=st.integers(1, 5),
)
def test_texts_of_any_csv_come_back_unchanged_and_the_counts_add_up(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], chunk: int
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    quoted = "\n".join(
        ",".join('"' + field.replace('"', '""') + '"' for field in row) for row in rows
    )
    rows.append(["x", "last", "y"])
    data = f"key,text,n\n{quoted}\nx,last,y\n".encode()
    dataset = upload(folder, data, chunk_rows=chunk, encoding="utf-8")
    assert dataset.rows_in + dataset.blank_rows == len(rows)
    stored = dict(texts(folder, dataset))
    rejected = {row[0] for row in stored_rejects(folder, dataset)}
    blank = set(range(1, len(rows) + 1)) - set(stored) - rejected
    assert not any(field.strip() for number in blank for field in rows[number - 1])
    assert stored == {number: rows[number - 1][1] for number in stored}
    assert all(row[2] == "no text" for row in stored_rejects(folder, dataset))
