"""Labelled rows: the caller's columns keep their values, whatever their names."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ensemble.combine import Vote, soft_vote
from ensemble.rows import labelled_rows, read_predictions
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
def test_every_column_of_the_caller_is_kept_under_its_own_name(columns):
    extra = pa.array(
        [[(column, f"value of {column}") for column in columns]], pa.map_(pa.string(), pa.string())
    )
    chunk = pa.table({"id": ["r1"], "text": ["fine"], "extra": extra})
    vote = Vote(1.0, ("bad", "good"), np.array([[0.2, 0.8]], dtype=np.float32))
    answers = {"mood": soft_vote("one_of", [vote])}
    [row] = labelled_rows(
        chunk,
        "acme",
        answers,
        review_below=0.5,
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
def test_predictions_are_read_from_labelled_rows_as_they_were_written(values):
    rows = len(values)
    chunk = pa.table({"id": [str(row) for row in range(rows)], "extra": pa.nulls(rows)})
    vote = Vote(1.0, ("a", "b", "c"), values)
    answers = {
        "mood": soft_vote("one_of", [vote]),
        "topics": soft_vote("any_of", [vote]),
    }
    table = labelled_rows(
        chunk,
        "acme",
        answers,
        review_below=0.5,
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
        keep_text=False,
        columns=(),
    )
    stored = decode_parquet(encode_parquet(table))
    for target, answer in answers.items():
        predictions = read_predictions(stored, target, answer.mode)
        assert predictions.labels == answer.labels
        assert predictions.probabilities.tolist() == answer.probabilities.tolist()
        assert predictions.chosen.tolist() == answer.chosen.tolist()


def rows_of_two_targets(**options):
    chunk = pa.table({"id": ["r1", "r2"], "extra": pa.nulls(2)})
    sure = Vote(3.0, ("bad", "good"), np.array([[0.9, 0.1], [0.9, 0.1]], dtype=np.float32))
    other = Vote(1.0, ("bad", "good"), np.array([[0.8, 0.2], [0.2, 0.8]], dtype=np.float32))
    weak = Vote(9.0, ("bad", "good"), np.array([[0.6, 0.4], [0.4, 0.6]], dtype=np.float32))
    return labelled_rows(
        chunk,
        "acme",
        {
            "mood": soft_vote("one_of", [sure, other]),
            "tone": soft_vote("one_of", [weak, sure]),
            **options.pop("more", {}),
        },
        review_below=0.8,
        scored_at=datetime(2026, 1, 1, tzinfo=UTC),
        keep_text=False,
        columns=(),
        **options,
    ).to_pylist()


def test_agreement_and_review_are_given_by_target_and_over_all():
    first, second = rows_of_two_targets()
    assert (first["mood_agreement"], first["tone_agreement"], first["agreement"]) == (1, 1, 1)
    assert not any(first[f"{name}needs_review"] for name in ("mood_", "tone_", ""))
    assert (second["mood_agreement"], second["tone_agreement"]) == (0.75, 0.25)
    assert second["agreement"] == 0.25
    assert (second["mood_needs_review"], second["tone_needs_review"]) == (True, True)


def test_a_target_named_like_a_column_of_another_keeps_its_column():
    vote = Vote(1.0, ("low", "high"), np.array([[0.9, 0.1], [0.1, 0.9]], dtype=np.float32))
    rows = rows_of_two_targets(more={"mood_agreement": soft_vote("one_of", [vote])})
    assert [row["mood_agreement"] for row in rows] == ["low", "high"]
    assert [row["tone_agreement"] for row in rows] == [1, 0.25]


def test_rows_as_the_version_before_wrote_them_lack_the_columns_by_target():
    for row in rows_of_two_targets(by_target=False):
        assert not [name for name in row if name.startswith(("mood_a", "mood_n", "tone_a"))]
