"""What is left of jobs, in rows: what storage has, under the job's versions, is not asked for
again.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records import labelled_output, scores
from storage.records.feedback import Chunk, SourceChunk
from tasks.planning import remaining_work as planning
from tasks.planning.score_reuse import rows_to_score
from tasks.planning.stored_work import read_stored_work
from tests.support.runs.steps import store_dataset, store_job

TEXTS = ["a", "bb", "ccc", "dddd", "eeeee"]  # by two: chunks of 2, 2 and 1


def score(place, model, chunk):
    place.create(scores.path(model, 1, chunk.id), b"scores")


def remaining_work(place, jobs):
    return planning.remaining_work(read_stored_work(place, jobs, partial_sources=True))


def of(found, name):
    [one] = [one for one in found.models if one.model.name == name]
    return one.cells, one.existing, one.rows


@pytest.fixture
def dataset(place):
    return store_dataset(place, TEXTS)


def test_all_of_a_new_job_is_left(place, dataset):
    found = remaining_work(place, [(store_job(place, dataset), dataset)])
    assert of(found, "bow") == of(found, "minilm") == (3, 0, 5)
    assert (found.parts, found.rows) == (3, 5)


def test_cells_that_are_scored_and_parts_that_are_written_are_not_left(place, dataset):
    job = store_job(place, dataset)
    score(place, "bow", dataset.chunks[0])
    job.output.create(labelled_output.part_name(2), b"part")
    found = remaining_work(place, [(job, dataset)])
    assert of(found, "bow") == (1, 2, 2)
    assert of(found, "minilm") == (2, 1, 4)
    assert (found.parts, found.rows) == (2, 4)


def test_what_one_job_scores_is_there_for_the_next(place, dataset):
    first, second = (
        store_job(place, dataset),
        store_job(place, dataset, id="job2", out=place.url_of("elsewhere")),
    )
    found = remaining_work(place, [(first, dataset), (second, dataset)])
    assert of(found, "bow") == (3, 0, 5)
    assert (found.parts, found.rows) == (6, 10)


def with_donors(dataset, *donors):
    """The dataset, whose first chunk has these."""
    first, *others = dataset.chunks
    return dataset.model_copy(
        update={"chunks": (first.model_copy(update={"donors": donors, "new": None}), *others)}
    )


def test_rows_whose_text_a_donor_holds_are_left_only_where_it_was_not_scored(place, dataset):
    yesterday = store_dataset(place, ["a", "other"], name="yesterday")
    score(place, "bow", yesterday.chunks[0])
    today = with_donors(dataset, SourceChunk(dataset="yesterday", position=0, shared=1))
    found = remaining_work(place, [(store_job(place, today), today)])
    assert of(found, "bow") == (3, 0, 4)
    assert of(found, "minilm") == (3, 0, 5)


def test_a_cell_whose_texts_are_all_elsewhere_is_there(place, dataset):
    yesterday = store_dataset(place, ["bb", "a"], name="yesterday")
    score(place, "bow", yesterday.chunks[0])
    today = with_donors(dataset, SourceChunk(dataset="yesterday", position=0, shared=2))
    assert of(remaining_work(place, [(store_job(place, today), today)]), "bow") == (2, 1, 3)


def test_donors_that_are_gone_hold_nothing(place, dataset):
    today = with_donors(
        dataset,
        SourceChunk(dataset="gone", position=0, shared=2),
        SourceChunk(dataset="upload", position=9, shared=2),
    )
    assert of(remaining_work(place, [(store_job(place, today), today)]), "bow") == (3, 0, 5)


def test_characters_are_of_the_rows_that_are_left_and_unknown_if_any_chunk_does_not_say(
    place, dataset
):
    counted = [chunk.model_copy(update={"chars": 10 * chunk.rows}) for chunk in dataset.chunks]
    score(place, "bow", dataset.chunks[0])
    job = store_job(place, dataset)
    all_of_them = dataset.model_copy(update={"chunks": tuple(counted)})
    assert [one.chars for one in remaining_work(place, [(job, all_of_them)]).models] == [30, 50]
    but_one = dataset.model_copy(update={"chunks": (*counted[:2], dataset.chunks[2])})
    assert [one.chars for one in remaining_work(place, [(job, but_one)]).models] == [None, None]


donors = st.lists(
    st.builds(
        SourceChunk,
        dataset=st.sampled_from("abc"),
        position=st.integers(0, 3),
        shared=st.integers(0, 30),
    ),
    max_size=6,
)


@given(st.integers(1, 20), donors)
def test_no_chunk_has_more_rows_to_score_than_it_has_nor_less_than_none(rows, found):
    chunk = Chunk(id="x", rows=rows, donors=tuple(found))
    assert 0 <= rows_to_score(chunk, found) <= rows_to_score(chunk, found[:-1]) <= rows
    assert rows_to_score(chunk, []) == rows


def test_donors_of_two_datasets_may_hold_the_same_rows():
    two = [SourceChunk(dataset=name, position=0, shared=4) for name in ("a", "b")]
    assert rows_to_score(Chunk(id="x", rows=8, donors=tuple(two)), two) == 4
