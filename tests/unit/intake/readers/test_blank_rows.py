"""Rows are blank where every value is missing, empty or white space of any kind."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from intake.dataset.blank_rows import drop_blank_rows
from intake.readers.block import RecordBlock, extra_map

SPACES = [character for character in map(chr, range(0x3100)) if character.isspace()]

texts = st.one_of(
    st.none(),
    st.text(st.sampled_from(SPACES), max_size=4),
    st.text(st.sampled_from([*SPACES, "a", "é", "“", "中", "😀"]), max_size=4),
)


@given(st.lists(texts, max_size=20), st.integers(0, 5))
def test_exactly_the_blank_texts_without_another_value_are_dropped(
    values: list[str | None], sliced: int
) -> None:
    column = pa.array(["before"] * sliced + values, pa.string()).slice(sliced)
    rows = len(values)
    block = RecordBlock(np.arange(1, rows + 1), None, column, extra_map([], [], rows), (), str)
    kept = drop_blank_rows(block)
    expected = [row for row, text in enumerate(values, 1) if text and not text.isspace()]
    assert kept.row_numbers.tolist() == expected
    assert kept.blank_rows == rows - len(expected)
    assert kept.texts.to_pylist() == [text for text in values if text and not text.isspace()]
