"""CSV that Arrow reads: the same records as from the reader that checks each quote."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intake.detect.encoding import as_utf8
from intake.detect.lines import split_lines
from intake.readers.csv_fast import parse_regular_csv
from intake.readers.csv_records import parse_csv_lines

ODD = st.text(st.sampled_from('ab ,;"\r\n\t\u00e9\x00\ufeff\ud800'), max_size=40)
FIELD = st.text(st.sampled_from('ab ,;"\r\n\t\u00e9\x00\ufeff'), max_size=6)


def assert_read_the_same_if_at_all(text: str, delimiter: str) -> None:
    data = as_utf8(text)
    columns = parse_regular_csv(data, delimiter, "\n")
    if columns is not None:
        for final in (False, True):
            records = parse_csv_lines(split_lines(data, "\n"), delimiter, "\n", final=final)
            assert records.open_lines == []
            assert records.rows == [
                list(row) for row in zip(*(column.to_pylist() for column in columns), strict=True)
            ]


@given(st.lists(ODD, max_size=6), st.sampled_from(",;\t"))
@example(["a,b", "c,d"], ",")
@example(["a", "", "b"], ",")
@example(['"a', 'b",c', "1,2"], ",")
@example(["1,2", "3,4\r"], ",")
@example(['""', '"a"""'], ",")
@example(["\ufeffa,b"], ",")
@example(["a,b\r\r"], ",")
def test_what_arrow_reads_the_strict_reader_reads_the_same(
    lines: list[str], delimiter: str
) -> None:
    assert_read_the_same_if_at_all("".join(line + "\n" for line in lines), delimiter)


@given(
    st.lists(st.lists(FIELD, min_size=2, max_size=2), min_size=1, max_size=8),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_rows_of_a_csv_writer_are_read_the_same_by_both_readers(
    rows: list[list[str]], delimiter: str, end: str, quoting: int
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    assert_read_the_same_if_at_all(file.getvalue(), delimiter)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("1,a\n2,b\n", [["1", "2"], ["a", "b"]]),
        ('1,"a, ""b""\nc"\r\n"",d\r\n', [["1", ""], ['a, "b"\nc', "d"]]),
        ('"one\ntwo",a,b\nx,y,z\n', None),  # more columns than the first line shows
        ("NA\nnull\n", [["NA", "null"]]),
        ("1,a\n2\n", None),
        ("1,a\n\n2,b\n", None),
        ("a\n\nb\n", None),
        ("1,a\r\n\r\n2,b\r\n", None),
        ('1,"a\n\nb"\n', [["1"], ["a\n\nb"]]),
        ('1,5" pipe\n', None),
        ('1,"a"b\n', None),
        ('1,"a\n', None),
        ('1,"a\n2,"b"\n', None),
        ("1,a\rb\n", None),
        ("\ufeff1,a\n", None),
        ("1,\ud800\n", None),
        ("", None),
    ],
)
def test_irregular_lines_are_left_to_the_strict_reader(
    text: str, columns: list[list[str]] | None
) -> None:
    parsed = parse_regular_csv(as_utf8(text), ",", "\n")
    assert columns == (None if parsed is None else [column.to_pylist() for column in parsed])
