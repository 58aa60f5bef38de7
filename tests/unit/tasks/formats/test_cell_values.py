"""Cells of CSV and Excel: no text becomes a formula, and none breaks the file."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.formats.cell_values import (
    CUT_MARK,
    MAX_CELL_UNITS,
    excel_text,
    joined_labels,
    without_formulas,
)
from tasks.formats.output_format import LABELS, format_of

STARTS = ("=", "+", "-", "@", "\t", "\r")


@given(st.text(st.sampled_from("=+-@\t\r\n'a1"), max_size=6))
def test_a_text_that_might_be_computed_gets_an_apostrophe_and_no_other_changes(text):
    [cell] = without_formulas(pa.array([text])).to_pylist()
    assert cell == (f"'{text}" if text.startswith(STARTS) else text)
    assert not cell.startswith(STARTS)


def test_missing_texts_stay_missing():
    assert without_formulas(pa.array([None, ""], pa.string())).to_pylist() == [None, ""]


@given(st.text(max_size=40))
def test_a_short_text_keeps_every_character_that_xml_can_hold(text):
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    cell = excel_text(text)
    assert len(cell) == len(expected)
    for own, other in zip(cell, expected, strict=True):
        assert own == other or (own == "\ufffd" and (other < " " or other >= "\ud800"))


@pytest.mark.parametrize("letter", ["x", "\U0001f600"])
@pytest.mark.parametrize("over", [-1, 0, 1, 5_000])
def test_a_text_longer_than_a_cell_is_cut_with_a_mark(letter, over):
    units = len(letter.encode("utf-16-le")) // 2
    text = letter * (MAX_CELL_UNITS // units + over)
    cell = excel_text(text)
    assert len(cell.encode("utf-16-le")) // 2 <= MAX_CELL_UNITS
    if over > 0:
        assert cell.endswith(letter + CUT_MARK)
    else:
        assert cell == text


def test_labels_are_joined_by_a_bar():
    labels = pa.array([["price", "staff"], [], None], LABELS)
    table = joined_labels(pa.table({"topics": labels, "n": [1, 2, 3]}))
    assert table["topics"].to_pylist() == ["price|staff", "", None]
    assert table["n"].to_pylist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("labels.csv", "csv"),
        ("gs://acme/out/Labels.XLSX", "xlsx"),
        ("labels", None),
        ("csv", None),
        ("out.csv/labels", None),
        ("labels.csv.gz", None),
    ],
)
def test_the_end_of_a_name_says_the_format(name, expected):
    assert format_of(name) == expected
