"""What a reader does to avoid quadratic time changes no result."""

from hypothesis import given
from hypothesis import strategies as st

from intake.detect.lines import drop_blank_lines, split_lines
from intake.readers.csv_records import parse_csv_lines

LINES = st.lists(st.sampled_from(["\n", "\r\n", "a\n", "a,b\r\n", " \n", "\rc\n"]), max_size=30)


@given(LINES)
def test_blank_lines_hold_no_record(lines: list[str]) -> None:
    data = "".join(lines).encode()
    kept = drop_blank_lines(data, "\n")
    assert kept.decode() == "".join(line for line in lines if line not in ("\n", "\r\n"))


@given(st.lists(st.sampled_from(["\r", "a\r", "a,b\r"]), max_size=30))
def test_blank_lines_that_end_with_returns_hold_no_record(lines: list[str]) -> None:
    kept = drop_blank_lines("".join(lines).encode(), "\r")
    assert kept.decode() == "".join(line for line in lines if line != "\r")


def test_many_quotes_that_are_never_closed_cost_a_row_each_and_no_more() -> None:
    lines = split_lines(b'1,a",",c\n' * 50_000, "\n")
    records = parse_csv_lines(lines, ",", "\n", final=True)
    assert len(records.rows) == 50_000
    assert records.rows == [None] * 50_000


def test_a_quote_in_every_line_is_parsed_a_line_at_a_time() -> None:
    lines = split_lines(b'1,"a\n' * 50_000, "\n")
    records = parse_csv_lines(lines, ",", "\n", final=False)
    assert len(records.rows) + len(records.open_lines) == 50_000
