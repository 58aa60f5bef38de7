"""Remaining work of jobs, in rows: scores that storage has are not counted again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records import labelled_output, scores
from storage.records.feedback import Chunk, SourceChunk
from tasks.planning import remaining_work as planning
from tasks.planning.score_reuse import rows_to_score
from tasks.planning.stored_work import read_stored_work
from tests.support.runs.steps import store_dataset, store_job

TEXTS = ["a", "bb", "ccc", "dddd", "eeeee"]  # chunks of 2, 2 and 1


def score(place, model, chunk):
    place.create(scores.path(model, 1, chunk.id), b"scores")


def remaining_work(place, jobs):
    return planning.remaining_work(read_stored_work(place, jobs, partial_sources=True))


def work_of(remaining, name):
    """Return the missing cells, existing cells and missing rows of a model."""
    [one] = [one for one in remaining.models if one.model.name == name]
    return one.cells, one.existing, one.rows


@pytest.fixture
def dataset(place):
    return store_dataset(place, TEXTS)


def test_all_cells_and_parts_of_a_new_job_remain(place, dataset):
    remaining = remaining_work(place, [(store_job(place, dataset), dataset)])
    assert work_of(remaining, "bow") == work_of(remaining, "minilm") == (3, 0, 5)
    assert (remaining.parts, remaining.rows) == (3, 5)


def test_scored_cells_and_written_parts_do_not_remain(place, dataset):
    job = store_job(place, dataset)
    score(place, "bow", dataset.chunks[0])
    job.output.create(labelled_output.part_name(2), b"part")
    remaining = remaining_work(place, [(job, dataset)])
    assert work_of(remaining, "bow") == (1, 2, 2)
    assert work_of(remaining, "minilm") == (2, 1, 4)
    assert (remaining.parts, remaining.rows) == (2, 4)


def test_cells_that_two_jobs_need_are_counted_once(place, dataset):
    first, second = (
        store_job(place, dataset),
        store_job(place, dataset, id="job2", out=place.url_of("elsewhere")),
    )
    remaining = remaining_work(place, [(first, dataset), (second, dataset)])
    assert work_of(remaining, "bow") == (3, 0, 5)
    assert (remaining.parts, remaining.rows) == (6, 10)


def with_sources(dataset, *sources):
    """Return the dataset with these source chunks for its first chunk."""
    first, *others = dataset.chunks
    return dataset.model_copy(
        update={"chunks": (first.model_copy(update={"donors": sources, "new": None}), *others)}
    )


def test_rows_with_texts_of_a_scored_source_chunk_do_not_remain(place, dataset):
    yesterday = store_dataset(place, ["a", "other"], name="yesterday")
    score(place, "bow", yesterday.chunks[0])
    today = with_sources(dataset, SourceChunk(dataset="yesterday", position=0, shared=1))
    remaining = remaining_work(place, [(store_job(place, today), today)])
    assert work_of(remaining, "bow") == (3, 0, 4)
    assert work_of(remaining, "minilm") == (3, 0, 5)


def test_a_cell_whose_texts_all_have_scores_counts_as_existing(place, dataset):
    yesterday = store_dataset(place, ["bb", "a"], name="yesterday")
    score(place, "bow", yesterday.chunks[0])
    today = with_sources(dataset, SourceChunk(dataset="yesterday", position=0, shared=2))
    assert work_of(remaining_work(place, [(store_job(place, today), today)]), "bow") == (2, 1, 3)


def test_missing_source_chunks_provide_no_scores(place, dataset):
    today = with_sources(
        dataset,
        SourceChunk(dataset="gone", position=0, shared=2),
        SourceChunk(dataset="upload", position=9, shared=2),
    )
    assert work_of(remaining_work(place, [(store_job(place, today), today)]), "bow") == (3, 0, 5)


def test_characters_are_of_the_remaining_rows_and_unknown_if_a_chunk_has_no_count(place, dataset):
    counted = [chunk.model_copy(update={"chars": 10 * chunk.rows}) for chunk in dataset.chunks]
    score(place, "bow", dataset.chunks[0])
    job = store_job(place, dataset)
    with_counts = dataset.model_copy(update={"chunks": tuple(counted)})
    assert [one.chars for one in remaining_work(place, [(job, with_counts)]).models] == [30, 50]
    one_without = dataset.model_copy(update={"chunks": (*counted[:2], dataset.chunks[2])})
    assert [one.chars for one in remaining_work(place, [(job, one_without)]).models] == [None, None]


sources = st.lists(
    st.builds(
        SourceChunk,
        dataset=st.sampled_from("abc"),
        position=st.integers(0, 3),
        shared=st.integers(0, 30),
    ),
    max_size=6,
)


@given(st.integers(1, 20), sources)
def test_the_rows_to_score_of_a_chunk_lie_between_none_and_all(rows, scored):
    chunk = Chunk(id="x", rows=rows, donors=tuple(scored))
    assert 0 <= rows_to_score(chunk, scored) <= rows_to_score(chunk, scored[:-1]) <= rows
    assert rows_to_score(chunk, []) == rows


def test_source_chunks_of_two_datasets_may_have_the_same_rows():
    two = [SourceChunk(dataset=name, position=0, shared=4) for name in ("a", "b")]
    assert rows_to_score(Chunk(id="x", rows=8, donors=tuple(two)), two) == 4
