"""A file of which many rows would be lost is refused before it is stored, with the ways out."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.dataset.refusal import AcceptedLosses, check_losses
from intake.dataset.row_tally import RowTally
from intake.errors import UnreadableUpload
from intake.readers.block import Reject, RejectReason
from intake.readers.columns import ColumnRequest
from storage.records.feedback import Dataset
from tests.support.intake_files import files_below, parquet_bytes, stored_rows, upload

NOTHING_ACCEPTED = AcceptedLosses()


def csv(ids: list[str], texts: list[str] | None = None) -> bytes:
    texts = texts or [f"text {number}" for number in range(len(ids))]
    return "\n".join(
        ["id,text,user", *(f'"{i}",{t},u' for i, t in zip(ids, texts, strict=True))]
    ).encode()


def rounded_by_excel(row: int) -> str:
    """Return an id of 18 digits as Excel shows it: one for each six rows."""
    return f"{5.7 + row // 6 / 10_000:.5f}E+17"


def store(
    folder: Path, data: bytes, accepted: AcceptedLosses = NOTHING_ACCEPTED, **options: object
) -> Dataset:
    return upload(folder, data, accepted=accepted, **options)


def refusal(folder: Path, data: bytes, **options: object) -> str:
    """Return the error, after a look that nothing was stored."""
    with pytest.raises(UnreadableUpload) as caught:
        store(folder, data, **options)
    assert files_below(folder / "home") == {}
    return str(caught.value)


def test_ids_that_a_spreadsheet_rounded_are_refused_with_their_number_and_the_ways_out(
    tmp_path: Path,
) -> None:
    error = refusal(tmp_path, csv([rounded_by_excel(row) for row in range(14_640)]))
    assert "14,640 of its 14,640 rows have an id in column 'id' that a spreadsheet rounded" in error
    assert "(5.70000E+17, 5.70010E+17, 5.70020E+17)" in error
    assert "12,200 of its 14,640 rows have an id in column 'id' that a row before them" in error
    assert "5.70000E+17 6 times" in error
    for way_out in ("--no-id", "--id COLUMN", "'user'", "--allow-duplicates"):
        assert way_out in error


@pytest.mark.parametrize(
    "id_", ["5.70306E+17", "1,23E+15", "1E+15", "5.703061e+17", "570306133677760000"]
)
def test_rounded_ids_are_refused_even_if_each_is_different(tmp_path: Path, id_: str) -> None:
    ids = [str(570306133677760000 + row + 1) for row in range(98)]
    assert "a spreadsheet rounded" in refusal(tmp_path, csv([*ids, id_, id_.replace("7", "9")]))


@pytest.mark.parametrize(
    "id_", ["12", "4E10", "12e4567", "a5.7E+17", "E+17", "5.7E-17", "123456789012345000"[:15] + "0"]
)
def test_ids_that_only_resemble_rounded_ones_are_taken(tmp_path: Path, id_: str) -> None:
    assert store(tmp_path, csv([id_, "other"])).rows == 2


def test_one_rounded_id_in_a_hundred_rows_is_no_reason_to_refuse(tmp_path: Path) -> None:
    assert store(tmp_path, csv([*map(str, range(99)), "5.7E+17"])).rows == 100


def test_numbers_too_large_for_a_float_are_rounded_ids_in_json_and_parquet(tmp_path: Path) -> None:
    import pyarrow as pa

    lines = [json.dumps({"id": 5.70306133677760512e17 + 1024 * n, "text": "x"}) for n in range(9)]
    assert "rounded" in refusal(tmp_path, "\n".join(lines).encode(), name="in.jsonl")
    ids = pa.array([5.70306133677760512e20 + 2**20 * n for n in range(9)])
    table = pa.table({"id": ids, "text": ["x"] * 9})
    assert "rounded" in refusal(tmp_path, parquet_bytes(table), name="in.parquet")


def test_repeated_ids_in_more_than_one_percent_of_the_rows_are_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, csv(["A", "A", "A", "B", "B", *map(str, range(100))]))
    assert "3 of its 105 rows" in error
    assert "A 3 times, B 2 times" in error
    ids = ["A", "A", "A", "A", *map(str, range(296))]
    assert store(tmp_path, csv(ids)).reasons == {"duplicate id": 3}


def test_one_repeated_id_in_a_file_of_three_rows_is_a_reject_as_in_a_large_one(
    tmp_path: Path,
) -> None:
    assert store(tmp_path, csv(["1", "2", "2"])).reasons == {"duplicate id": 1}


def test_without_ids_every_row_is_taken_under_its_number_and_the_column_is_kept(
    tmp_path: Path,
) -> None:
    data = csv(["5.7E+17"] * 3)
    dataset = store(tmp_path, data, columns=ColumnRequest(no_id=True))
    assert [(row["id"], dict(row["extra"])["id"]) for row in stored_rows(tmp_path, dataset)] == [
        ("1", "5.7E+17"),
        ("2", "5.7E+17"),
        ("3", "5.7E+17"),
    ]


def test_duplicates_that_are_allowed_are_rejected_though_they_are_most_of_the_rows(
    tmp_path: Path,
) -> None:
    allowed = AcceptedLosses(repeated_ids=True)
    dataset = store(tmp_path, csv(["5.7E+17"] * 9), allowed)
    assert (dataset.rows, dataset.reasons) == (1, {"duplicate id": 8})


def test_an_upload_that_is_stored_is_not_refused_when_it_comes_again(tmp_path: Path) -> None:
    data = csv(["5.7E+17"] * 9)
    dataset = store(tmp_path, data, AcceptedLosses(repeated_ids=True))
    assert store(tmp_path, data) == dataset


def test_a_file_of_which_more_than_half_the_rows_would_be_rejected_is_refused_with_an_example_each(
    tmp_path: Path,
) -> None:
    data = csv(["1", "2", "", "4", "5"], ["good", "", "good", " ", "good"])
    error = refusal(tmp_path, data)
    assert (
        "3 of its 5 rows would be rejected: no text: 2, the first in row 2, the text is empty: "
        in error
    )
    assert "; bad id: 1, the first in row 3, there is no id: " in error
    assert "--force" in error
    assert store(tmp_path, data, AcceptedLosses(most_rows=True)).rows == 2


def test_a_file_of_which_half_the_rows_are_rejected_is_taken(tmp_path: Path) -> None:
    assert store(tmp_path, csv(["1", "2", "3", "4"], ["a", "", "", "b"])).rows == 2


def test_blank_texts_do_not_count_where_several_text_columns_were_asked_for(
    tmp_path: Path,
) -> None:
    data = csv(["1", "2", "3"], ["", "", "good"])
    assert store(tmp_path, data, AcceptedLosses(blank_texts=True)).rows == 1


def test_a_flood_of_rejects_is_refused_before_the_file_is_read_to_its_end(tmp_path: Path) -> None:
    """Two million of them in eight megabytes would take minutes to be written."""
    data = b"id,text\n" + b"1,a\n" * 200_000
    error = refusal(tmp_path, data)
    rows = int(error.split(" of its first ")[1].split(" rows")[0].replace(",", ""))
    assert 20_000 < rows < 150_000
    assert "--allow-duplicates" in error


def test_many_rejects_among_more_good_rows_are_no_flood(tmp_path: Path) -> None:
    lines = [f"{row},{'' if row % 5 < 2 else 'a'}" for row in range(60_000)]
    dataset = store(tmp_path, "\n".join(["id,text", *lines]).encode())
    assert (dataset.rows, dataset.rejected) == (36_000, 24_000)


@given(
    good=st.integers(0, 300),
    repeated=st.integers(0, 300),
    blank=st.integers(0, 300),
    accepted=st.builds(AcceptedLosses, st.booleans(), st.booleans(), st.booleans()),
)
def test_whatever_is_refused_lost_more_than_was_accepted(
    good: int, repeated: int, blank: int, accepted: AcceptedLosses
) -> None:
    import pyarrow as pa

    tally, rows = RowTally(has_ids=True), good + repeated + blank
    rejects = [Reject(1, "a", RejectReason.DUPLICATE_ID, "", "")] * repeated
    rejects += [Reject(1, "b", RejectReason.NO_TEXT, "", "")] * blank
    tally.add(pa.array([f"n{row}" for row in range(good)], pa.string()), rejects)
    too_many_repeated = repeated > max(2, rows / 100) and not accepted.repeated_ids
    lost = repeated * (not accepted.repeated_ids) + blank * (not accepted.blank_texts)
    too_many_lost = lost > rows / 2 and not accepted.most_rows
    try:
        check_losses("f", tally, accepted, "id", [])
    except UnreadableUpload:
        assert too_many_repeated or too_many_lost
    else:
        assert not too_many_repeated
        assert not too_many_lost
