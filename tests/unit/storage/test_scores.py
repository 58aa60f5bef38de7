"""The scores file: what it preserves, and which files are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from storage.records import scores
from storage.records.labelled_output import ModelVersion
from storage.records.scores import BadScores, Scores


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 9), st.integers(1, 4)),
        elements=st.floats(0, 1, width=32),
    )
)
def test_scores_survive_the_file_bit_for_bit(values):
    labels = tuple("abcd"[: values.shape[1]])
    decoded = scores.decode(scores.encode(Scores("bow", 3, "d1", labels, values)), "x")
    assert (decoded.model, decoded.version, decoded.digest, decoded.labels) == (
        "bow",
        3,
        "d1",
        labels,
    )
    assert decoded.values.tobytes() == values.tobytes()


@pytest.mark.parametrize("count", [3, 300])
def test_scored_chunks_are_the_same_for_few_and_for_many_requested_chunks(any_place, count):
    chunks = [f"{number:032x}" for number in range(count)]
    for chunk in (*chunks[::2], "0" * 31 + "x"):
        any_place.create(scores.path("bow", 1, chunk), b"")
    assert scores.scored_chunks(any_place, "bow", 1, chunks) == set(chunks[::2])
    assert scores.scored_chunks(any_place, "bow", 2, chunks) == set()


def test_a_few_chunks_are_tested_without_listing_the_folder(any_place, monkeypatch):
    any_place.create(scores.path("bow", 1, "a"), b"")
    monkeypatch.setattr(any_place, "names", None)
    assert scores.scored_chunks(any_place, "bow", 1, ["a", "b"]) == {"a"}


@given(st.integers(0, 600))
def test_a_file_that_is_cut_short_is_refused(length):
    data = scores.encode(Scores("bow", 1, "d", ("a",), np.ones((5, 1), np.float32)))
    if length < len(data):
        with pytest.raises(BadScores, match="place/x"):
            scores.decode(data[:length], "place/x")


@pytest.mark.parametrize(("rows", "digest"), [(4, "d"), (5, "other")])
def test_scores_of_another_chunk_or_model_are_refused(any_place, rows, digest):
    stored = Scores("bow", 1, "d", ("a",), np.ones((5, 1), np.float32))
    any_place.create(scores.path("bow", 1, "c"), scores.encode(stored))
    with pytest.raises(BadScores):
        scores.read(any_place, ModelVersion(name="bow", version=1, digest=digest), "c", rows)
    assert scores.read(
        any_place, ModelVersion(name="bow", version=1, digest="d"), "c", 5
    ).labels == ("a",)


@given(st.data(), st.integers(1, 9))
def test_rejected_rows_survive_the_file_with_their_reasons(data, rows):
    rejected = data.draw(st.dictionaries(st.integers(0, rows - 1), st.text()))
    values = np.ones((rows, 2), np.float32)
    values[list(rejected)] = np.nan
    encoded = scores.encode(Scores("bow", 1, "d", ("a", "b"), values, rejected))
    decoded = scores.decode(encoded, "x")
    assert decoded.rejected == rejected
    assert decoded.values.tobytes() == values.tobytes()
    assert scores.encode(decoded) == encoded


@pytest.mark.parametrize(
    ("without", "rejected"), [([1], {}), ([], {1: "x"}), ([1], {0: "x"}), ([0, 1], {1: "x"})]
)
def test_a_file_whose_rejected_rows_are_not_its_rows_without_values_is_refused(without, rejected):
    values = np.ones((3, 2), np.float32)
    values[without, 0] = np.nan
    with pytest.raises(BadScores, match="not those listed as rejected"):
        scores.decode(scores.encode(Scores("bow", 1, "d", ("a", "b"), values, rejected)), "x")
