"""CSV records from lines: an open quote costs one line, not the rest of the file."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.readers import csv_records
from intake.readers.csv_records import count_lines, parse_csv_lines

FIELD = st.text(st.sampled_from('ab ,;"\r\n\t\u00e9\x00'), max_size=6)


def parsed_rows(text: str) -> list[list[str] | None]:
    lines = [line + "\n" for line in text.removesuffix("\n").split("\n")]
    return parse_csv_lines(lines, ",", "\n", final=True).rows


@given(st.lists(st.lists(FIELD, min_size=2, max_size=3), max_size=8))
def test_rows_of_a_csv_writer_are_read_back(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    lines = [line + "\n" for line in file.getvalue().split("\n")[:-1]]
    records = parse_csv_lines(lines, ",", "\n", final=True)
    assert (records.rows, records.open_lines) == (rows, [])
    assert sum(count_lines(row, "\n") for row in records.rows) == len(lines)


@given(st.text(st.sampled_from('ab,"\r'), max_size=40).map(lambda text: text.replace("b", "\n")))
def test_every_line_belongs_to_one_record_whatever_it_holds(text: str) -> None:
    lines = [line + "\n" for line in text.split("\n")]
    records = parse_csv_lines(lines, ",", "\n", final=True)
    assert sum(count_lines(row, "\n") for row in records.rows) == len(lines)
    assert records.open_lines == []


@given(
    st.text(st.sampled_from('ab,"'), max_size=60).map(lambda text: text.replace("b", "\n")),
    st.integers(1, 9),
)
def test_records_do_not_depend_on_how_the_lines_are_split(text: str, size: int) -> None:
    lines = [line + "\n" for line in text.split("\n")]
    rows: list[list[str] | None] = []
    open_lines: list[str] = []
    for start in range(0, len(lines), size):
        records = parse_csv_lines(open_lines + lines[start : start + size], ",", "\n", final=False)
        rows, open_lines = rows + records.rows, records.open_lines
    assert (
        rows + parse_csv_lines(open_lines, ",", "\n", final=True).rows
        == parse_csv_lines(lines, ",", "\n", final=True).rows
    )


def test_a_quoted_field_may_have_several_lines() -> None:
    assert parsed_rows('1,"a\nb\r\nc"\n2,d\n') == [["1", "a\nb\r\nc"], ["2", "d"]]


def test_a_quote_that_is_never_closed_costs_one_line() -> None:
    assert parsed_rows('1,a\n2,"b\n3,c\n4,d\n') == [["1", "a"], None, ["3", "c"], ["4", "d"]]


def test_a_quote_that_is_closed_by_the_next_row_does_not_merge_two_rows() -> None:
    assert parsed_rows('1,"a\n2,"b"\n3,c\n') == [None, ["2", "b"], ["3", "c"]]


def test_a_record_that_exceeds_the_limit_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD_CHARS", 20)
    records = parse_csv_lines(['1,"a\n', *["2,b\n"] * 9], ",", "\n", final=False)
    assert records.rows == [None, *[["2", "b"]] * 9]


def test_an_open_record_waits_for_more_lines() -> None:
    records = parse_csv_lines(["1,a\n", '2,"b\n', "c\n"], ",", "\n", final=False)
    assert (records.rows, records.open_lines) == ([["1", "a"]], ['2,"b\n', "c\n"])


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('5" pipe,b', ['5" pipe', "b"]),
        ('"a" b,c', ["a b", "c"]),
        ("a\rb,c", ["a\rb", "c"]),
        ("a\x00b,c", ["a\x00b", "c"]),
        ('"a"b,"c', None),
    ],
)
def test_a_line_with_odd_quotes_is_read_leniently(line: str, row: list[str] | None) -> None:
    assert parsed_rows(f"x,y\n{line}\nz,z\n") == [["x", "y"], row, ["z", "z"]]


def test_a_field_may_be_longer_than_the_limit_of_the_csv_module() -> None:
    assert parsed_rows(f"1,{'a' * 300_000}\n") == [["1", "a" * 300_000]]
