"""The header of a table: found below title lines, and refused where several rows may be it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.detect.header import UnclearHeader, find_header, width

Rows = list[list[str]]
DATA = [["1", "Great app", "5"], ["2", "Too slow", "2"], ["3", "It crashes", "1"]]


@pytest.mark.parametrize(
    ("above", "header", "expected"),
    [
        ([], ["id", "comment", "score"], 0),
        ([], ["Nr", "Was gefiel?", "Punkte"], 0),
        ([[]], ["id", "comment", "score"], 1),
        ([["Survey results 2024"], []], ["id", "comment", "score"], 2),
        ([["Survey results 2024", "", ""], ["", "", ""]], ["id", "comment", "score"], 2),
        ([["Customer feedback"]], ["id", "comment", "score"], 1),
        ([["Exported by", "Ann"], ["On", "2024-01-01"], []], ["Nr", "Meinung", "Punkte"], 3),
        ([["Survey results 2024"]], ["Key", "What did you like?", "Stars"], 1),
        ([["Survey results 2024"], []], ["Key", "What did you like?", "Stars"], 2),
    ],
)
def test_the_header_is_found_below_title_lines(
    above: Rows, header: list[str], expected: int
) -> None:
    assert find_header([*above, header, *DATA]) == expected


@pytest.mark.parametrize(
    "rows",
    [
        [["text"], ["Nice", " really"], ["Good", " but slow"]],  # a comma that is not quoted
        [["text"], ["one"], ["two", "three"], ["four"]],
        [["id", "text"], ["1", "one", "x"], ["2", "two", "y"]],  # a name is missing
        [["text", "", "note", ""], ["one", "a", "b", "c"]],
        [["Respondent ID", "Why?"], ["", "Open-Ended Response"], ["1", "Cheap"]],
        [["text"]],
        [["", "", ""], []],
        [],
    ],
)
def test_the_first_row_is_the_header_where_no_title_stands_above(rows: Rows) -> None:
    assert find_header(rows) == 0


@pytest.mark.parametrize(
    "rows",
    [
        [["Exported by", "Ann"], ["Key", "What did you like?", "Name"], ["x", "Cheap", "Bo"]],
        [["Feedback", "2024"], ["id", "comment", "score"], *DATA],
        [["Survey"], ["comment", "2023", "2024"], ["Cheap", "yes", "no"]],
    ],
)
def test_two_rows_that_may_each_be_the_header_are_unclear(rows: Rows) -> None:
    with pytest.raises(UnclearHeader) as caught:
        find_header(rows)
    assert caught.value.positions == (0, 1)


def test_the_first_row_that_has_the_requested_names_is_the_header() -> None:
    rows = [["Exported by", "Ann"], ["Key", "What did you like?", "Name"], ["x", "Cheap", "Bo"]]
    assert find_header(rows, ["what did you like?"]) == 1
    assert find_header(rows, ["What did you like?", "Key"]) == 1
    assert find_header(rows, ["Exported by"]) == 0


@given(st.lists(st.lists(st.sampled_from(["", " ", "1", "id", "text", "Feedback", "a b"]))))
def test_the_header_of_any_rows_is_one_that_is_not_blank(rows: Rows) -> None:
    try:
        positions = [find_header(rows)]
    except UnclearHeader as unclear:
        positions = list(unclear.positions)
    filled = [position for position, row in enumerate(rows) if width(row)]
    assert set(positions) <= set(filled or [0])
