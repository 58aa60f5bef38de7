"""Labelled rows: whatever the caller's columns are called, none is lost and none hides one of ours."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ensemble.combine import Vote, soft_vote
from ensemble.rows import labelled_rows

NAMES = ["id", "text", "mood", "upload_mood", "upload_upload_mood", "mood_score", "agreement", "channel"]


@given(st.lists(st.sampled_from(NAMES), unique=True))
def test_every_column_of_the_caller_is_carried_along_under_a_name_of_its_own(columns):
    extra = pa.array([[(column, f"value of {column}") for column in columns]], pa.map_(pa.string(), pa.string()))
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
