"""Labelled rows: whatever the caller's columns are called, none is lost and none hides one of ours."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ensemble.combine import Vote, soft_vote
from ensemble.rows import labelled_rows, said_in
from storage.tables import decode_parquet, encode_parquet

NAMES = [
    "id",
    "text",
    "mood",
    "upload_mood",
    "upload_upload_mood",
    "mood_score",
    "agreement",
    "channel",
]


@given(st.lists(st.sampled_from(NAMES), unique=True))
def test_every_column_of_the_caller_is_carried_along_under_a_name_of_its_own(columns):
    extra = pa.array(
        [[(column, f"value of {column}") for column in columns]], pa.map_(pa.string(), pa.string())
    )
    chunk = pa.table({"id": ["r1"], "text": ["fine"], "extra": extra})
    vote = Vote(1.0, ("bad", "good"), np.array([[0.2, 0.8]], dtype=np.float32))
    answers = {"mood": ("one_of", soft_vote("one_of", [vote]))}
    [row] = labelled_rows(
        chunk,
        "acme",
        answers,
        review_below=0.5,
        missing=(),
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
        keep_text=True,
        columns=columns,
    ).to_pylist()
    assert (row["id"], row["text"], row["mood"], row["customer"]) == ("r1", "fine", "good", "acme")
    assert sorted(value for value in row.values() if str(value).startswith("value of")) == sorted(
        f"value of {column}" for column in columns
    )


@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(0, 6), st.just(3)), elements=st.floats(0, 1, width=32)
    )
)
def test_what_labelled_rows_say_is_read_as_it_was_written(values):
    rows = len(values)
    chunk = pa.table({"id": [str(row) for row in range(rows)], "extra": pa.nulls(rows)})
    vote = Vote(1.0, ("a", "b", "c"), values)
    answers = {
        "mood": ("one_of", soft_vote("one_of", [vote])),
        "topics": ("any_of", soft_vote("any_of", [vote])),
    }
    table = labelled_rows(
        chunk,
        "acme",
        answers,
        review_below=0.5,
        missing=(),
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
        keep_text=False,
        columns=(),
    )
    stored = decode_parquet(encode_parquet(table))
    for target, (mode, combined) in answers.items():
        said = said_in(stored, target, mode)
        assert said.labels == combined.labels
        assert said.probabilities.tolist() == combined.probabilities.tolist()
        assert said.chosen.tolist() == combined.chosen.tolist()
