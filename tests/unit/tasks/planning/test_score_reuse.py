"""Score reuse: scores of source chunks, completed by a model for the remaining rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.places.place import LocalPlace
from storage.records import labelled_output, scores
from storage.records.feedback import SourceChunk, read_texts
from storage.records.labelled_output import ModelVersion
from storage.records.scores import Scores
from tasks.planning.score_reuse import (
    complete_scores,
    reuse_scores,
    reuse_whole_chunk,
)
from tasks.planning.stored_work import read_stored_work
from tests.support.runs.steps import MOOD, store_dataset, store_job

MODEL = ModelVersion(name="bow", version=1, digest="d" * 64)
WORDS = ["fine", "ok", "late again", "kill it", "naïve 😀", "new", "newer"]
CHUNK = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6)


def scores_of(texts):
    """Return the scores that the model gives, by the text alone; it rejects one text."""
    rejected = {
        row: "ended by signal SIGKILL" for row, text in enumerate(texts) if text == "kill it"
    }
    values = np.array(
        [(WORDS.index(text) / 10, 1 - WORDS.index(text) / 10) for text in texts], np.float32
    )
    values = values.reshape(len(texts), 2)
    values[list(rejected)] = np.nan
    return Scores(MODEL.name, MODEL.version, MODEL.digest, MOOD, values, rejected)


def store_scores(place, dataset):
    for position, chunk in enumerate(dataset.chunks):
        chunk_scores = scores_of(read_texts(place, dataset, position).to_pylist())
        place.create(scores.path(MODEL.name, MODEL.version, chunk.id), scores.encode(chunk_scores))


def store_later(place, texts, new, *positions):
    sources = tuple(
        SourceChunk(dataset="upload", position=position, shared=1) for position in positions
    )
    return store_dataset(place, texts, len(texts), name="later", sources=[(sources, new)])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(earlier=st.lists(CHUNK, max_size=4), texts=CHUNK)
def test_reused_and_new_scores_together_equal_scoring_everything(earlier, texts, tmp_path_factory):
    place = LocalPlace(tmp_path_factory.mktemp("home"))
    sources = []
    for number, chunk in enumerate(earlier):
        store_scores(place, store_dataset(place, chunk, chunk_rows=len(chunk), name=f"d{number}"))
        sources.append(SourceChunk(dataset=f"d{number}", position=0, shared=1))
    dataset = store_dataset(
        place, texts, len(texts), name="later", sources=[(tuple(sources), None)]
    )
    reused = reuse_scores(place, dataset, 0, MODEL, read_texts(place, dataset, 0))
    earlier_texts = {text for chunk in earlier for text in chunk}
    assert reused.missing_rows.tolist() == [
        row for row, text in enumerate(texts) if text not in earlier_texts
    ]
    whole = reused.merged_with(scores_of([texts[row] for row in reused.missing_rows]))
    np.testing.assert_array_equal(whole.values, scores_of(texts).values)
    assert whole.rejected == scores_of(texts).rejected
    assert scores.decode(scores.encode(whole), "x").rejected == whole.rejected


def test_no_source_chunk_is_read_once_all_known_texts_have_scores(place, monkeypatch):
    store_scores(place, store_dataset(place, ["fine", "ok", "fine", "ok"]))
    dataset = store_later(place, ["ok", "fine", "new"], 1, 0, 1)
    read = []
    monkeypatch.setattr(
        LocalPlace,
        "read",
        lambda self, path, real=LocalPlace.read: read.append(path) or real(self, path),
    )
    assert reuse_scores(
        place, dataset, 0, MODEL, pa.array(["ok", "fine", "new"])
    ).missing_rows.tolist() == [2]
    assert len([path for path in read if path.endswith("chunk-00001.parquet")]) == 0


def test_a_chunk_whose_texts_all_have_scores_is_reused_as_a_whole(place):
    store_scores(place, store_dataset(place, ["fine", "ok", "late again"]))
    whole = reuse_whole_chunk(place, store_later(place, ["ok", "late again"], 0, 0, 1), 0, MODEL)
    np.testing.assert_array_equal(whole.values, scores_of(["ok", "late again"]).values)


@pytest.mark.parametrize("new", [0, 1, None])
def test_a_chunk_with_a_new_text_is_not_reused_as_a_whole(place, new):
    store_scores(place, store_dataset(place, ["fine", "ok"]))
    assert reuse_whole_chunk(place, store_later(place, ["ok", "new"], new, 0), 0, MODEL) is None


def test_chunks_with_scores_and_chunks_with_scored_sources_need_no_work(place):
    first = store_dataset(place, ["fine", "ok", "late again"])
    sources = (
        SourceChunk(dataset="upload", position=0, shared=1),
        SourceChunk(dataset="upload", position=1, shared=1),
    )
    missing_sources = (
        SourceChunk(dataset="upload", position=7, shared=2),
        SourceChunk(dataset="gone", position=0, shared=2),
    )
    overlaps = [(sources, 0), (sources, None), (missing_sources, 0)]
    later = store_dataset(
        place, ["ok", "late again", "ok", "new", "x", "y"], name="later", sources=overlaps
    )
    chunks = [chunk.id for chunk in later.chunks]
    place.create(scores.path("bow", 1, chunks[1]), b"")
    job = store_job(place, later, models=("bow",))

    def chunks_to_score():
        [work] = read_stored_work(place, [(job, later)])
        return {cell.chunk for cell in work.plan().cells}

    assert chunks_to_score() == {chunks[0], chunks[2]}
    store_scores(place, first)
    assert chunks_to_score() == {chunks[2]}
    job.output.create(labelled_output.part_name(2), b"part")
    assert chunks_to_score() == set()


def test_only_texts_without_scores_are_scored_to_complete_a_chunk(place):
    scored_texts = []

    def score_texts(texts):
        scored_texts.extend(texts.to_pylist())
        return Scores(
            MODEL.name, MODEL.version, MODEL.digest, MOOD, np.full((len(texts), 2), 0.5, np.float32)
        )

    earlier = store_dataset(place, ["old", "older"], name="earlier")
    earlier_scores = Scores(
        MODEL.name,
        MODEL.version,
        MODEL.digest,
        MOOD,
        np.array([[0.1, 0.9], [0.2, 0.8]], np.float32),
    )
    place.create(
        scores.path(MODEL.name, MODEL.version, earlier.chunks[0].id), scores.encode(earlier_scores)
    )
    source = SourceChunk(dataset="earlier", position=0, shared=1)
    later = store_dataset(place, ["new", "older"], name="later", sources=[((source,), 1)])
    assert np.allclose(
        complete_scores(place, later, 0, MODEL, read_texts(place, later, 0), score_texts).values,
        [[0.5, 0.5], [0.2, 0.8]],
    )
    again = store_dataset(place, ["older", "old"], name="again", sources=[((source,), 0)])
    assert np.allclose(
        complete_scores(place, again, 0, MODEL, read_texts(place, again, 0), score_texts).values,
        [[0.2, 0.8], [0.1, 0.9]],
    )
    assert scored_texts == ["new"]
