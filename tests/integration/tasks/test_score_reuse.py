"""Scores found again: what a model has said of a text in an earlier upload is not asked again."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.places.place import LocalPlace
from storage.records import feedback, scores
from storage.records.feedback import SourceChunk
from storage.records.labelled_output import read_manifest
from tasks.broker.step_messages import ReduceChunk, ScoreCell
from tests.integration.tasks.test_rejected_rows import Sick, rows_of, to_the_end
from tests.support.runs.steps import (
    Constant,
    Steps,
    files_of,
    store_dataset,
    store_job,
    without_places,
)

OLD = ["fine", "awful service", "ok", "late again", "fine", "x" * 40]
TEXTS = st.lists(st.sampled_from([*OLD, "kill it", "nan", "new", "newer"]), min_size=1, max_size=8)


class Counting(Constant):
    """Says which texts the models were asked for."""

    asked: list[str]

    def score(self, texts):
        Counting.asked += texts.to_pylist()
        return super().score(texts)


@pytest.fixture(autouse=True)
def nothing_asked():
    Counting.asked = []


def store_found(place, texts, earlier, chunk_rows=2, **changes):
    """A dataset whose donors are all chunks of earlier datasets, as if intake had compared the
    texts themselves.
    """
    found = []
    for first in range(0, len(texts), chunk_rows):
        some = texts[first : first + chunk_rows]
        left, donors = set(some), []
        for dataset in earlier:
            for position in range(len(dataset.chunks)):
                held = left & set(feedback.read_texts(place, dataset, position).to_pylist())
                if held:
                    shared = sum(text in held for text in some)
                    donors.append(SourceChunk(dataset=dataset.id, position=position, shared=shared))
                    left -= held
        found.append((tuple(donors), sum(text in left for text in some)))
    return store_dataset(place, texts, chunk_rows, found=found, **changes)


def labelled(place, redis, job, make=Constant):
    steps = Steps(place, redis, make)
    to_the_end(steps, job)
    return steps


def again(place, texts, earlier, **changes):
    """The job of a later upload of the same customer."""
    dataset = store_found(place, texts, earlier, name="later", **changes)
    return store_job(place, dataset, id="job2", out=place.url_of("two"))


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=TEXTS, new=TEXTS, chunk_rows=st.integers(1, 8))
def test_whatever_two_uploads_share_the_labels_are_those_of_scoring_everything(
    old, new, chunk_rows, broker, tmp_path_factory
):
    results = []
    with broker.client() as redis:
        for repeated in (True, False):
            redis.flushall()
            place = LocalPlace(tmp_path_factory.mktemp("home"))
            first = store_dataset(place, old, chunk_rows=3)
            if repeated:
                labelled(place, redis, store_job(place, first), Sick)
            later = again(place, new, [first], chunk_rows=chunk_rows)
            labelled(place, redis, later, Sick)
            results.append(without_places(files_of(later)))
            assert read_manifest(later.output).rows_in == len(new)
    assert results[0] == results[1]


def test_only_what_is_new_reaches_the_models(place, redis):
    first = store_dataset(place, OLD)
    labelled(place, redis, store_job(place, first))
    later = again(place, ["brand new", *OLD[:3], "another", "ok"], [first], chunk_rows=3)
    labelled(place, redis, later, Counting)
    assert sorted(Counting.asked) == ["another", "another", "brand new", "brand new"], (
        "each by two models"
    )
    assert read_manifest(later.output).rows_labelled == 6


def test_an_upload_without_new_texts_wakes_no_model(place, redis):
    first = store_dataset(place, OLD)
    labelled(place, redis, store_job(place, first))
    later = again(place, OLD[1:], [first], chunk_rows=3)
    steps = Steps(place, redis)
    steps.plan(later)
    assert not any(isinstance(message, ScoreCell) for message in steps.queue)
    assert steps.context.board.progress(later.id, ["bow", "minilm"]).scored == {
        "bow": 2,
        "minilm": 2,
    }
    steps.drain()
    assert steps.scored == []
    assert read_manifest(later.output).rows_labelled == 5
    dataset = feedback.read_dataset(place, "acme", "later")
    assert all(place.exists(scores.path("bow", 1, chunk.id)) for chunk in dataset.chunks), (
        "as if it had been scored"
    )


def lose_dataset(place):
    place.remove(feedback.dataset_path("acme", "upload"))


def lose_chunk(place):
    place.remove(feedback.chunk_path("acme", "upload", 0))


def damage_chunk(place):
    place.replace(feedback.chunk_path("acme", "upload", 0), b"no Parquet")


def lose_scores(place):
    place.remove(f"scores/bow/1/{place.names('scores/bow/1')[0]}")


def damage_scores(place):
    place.replace(f"scores/bow/1/{place.names('scores/bow/1')[0]}", b"no Arrow")


def score_with_another(place):
    path = f"scores/bow/1/{place.names('scores/bow/1')[0]}"
    found = scores.decode(place.read(path), path)
    place.replace(
        path, scores.encode(scores.Scores("bow", 1, "another", found.labels, found.values))
    )


@pytest.mark.parametrize(
    "harm", [lose_dataset, lose_chunk, damage_chunk, lose_scores, damage_scores, score_with_another]
)
@pytest.mark.parametrize("when", ["before the plan", "between plan and reduce"])
def test_donors_that_are_lost_cost_only_their_scores(place, redis, harm, when):
    first = store_dataset(place, OLD, chunk_rows=6)
    labelled(place, redis, store_job(place, first))
    later = again(place, OLD[1:], [first], chunk_rows=6)
    if when == "before the plan":
        harm(place)
    steps = elsewhere(place, redis, Counting)
    steps.plan(later)
    if when == "between plan and reduce":
        assert [type(message) for message in steps.queue] == [ReduceChunk]
        harm(place)
        steps.context = elsewhere(place, redis, Counting, steps.queue).context
    for _ in range(20):  # a job that is planned and reduced in turn would never end
        if steps.queue:
            steps.run(steps.queue.pop(0))
    assert steps.queue == []
    assert read_manifest(later.output).rows_labelled == 5
    assert set(Counting.asked) == set(OLD[1:])


def elsewhere(place, redis, make=Constant, queue=None):
    """As in a process that has not read anything yet."""
    steps = Steps(LocalPlace(Path(place.url)), redis, make)
    if queue is not None:
        steps.context = replace(steps.context, publish=queue.append)
    return steps


def test_a_job_ends_though_its_plan_hopes_for_donors_again_and_again(place, redis):
    """The donor's scores are there, and damaged: only who reads them knows. And every message to a
    worker is lost.
    """
    first = store_dataset(place, OLD)
    labelled(place, redis, store_job(place, first))
    damage_scores(place)
    later = again(place, OLD, [first], chunk_rows=6)
    steps = Steps(place, redis)
    for _ in range(3):
        steps.plan(later)
        reducing = [message for message in steps.queue if not isinstance(message, ScoreCell)]
        assert reducing, "what the plan takes for scored is reduced, which finds that it is not"
        steps.queue.clear()
        for message in reducing:
            steps.run(message)
        assert {type(message) for message in steps.queue} == {ScoreCell}, "and asks"
    steps.drain()
    assert read_manifest(later.output).rows_labelled == 6


def test_a_rejected_row_stays_rejected_without_another_try(place, redis):
    first = store_dataset(place, ["fine", "kill it", "ok"], chunk_rows=3)
    labelled(place, redis, store_job(place, first), Sick)
    later = again(place, ["ok", "new", "fine", "kill it"], [first], chunk_rows=4)
    steps = labelled(place, redis, later, Counting)
    assert sorted(Counting.asked) == ["new", "new"]
    assert steps.scored == [("bow", 1), ("minilm", 1)]
    [row] = rows_of(later.output, read_manifest(later.output).rejected_parts)
    assert (row["row"], row["raw"], row["detail"]) == (
        4,
        "kill it",
        "bow 1: ended by signal SIGKILL",
    )


def test_a_new_row_that_a_model_cannot_bear_is_named_by_its_place_in_the_chunk(place, redis):
    first = store_dataset(place, ["fine", "ok", "late again"], chunk_rows=3)
    labelled(place, redis, store_job(place, first))
    later = again(place, ["ok", "fine", "new", "kill it", "late again"], [first], chunk_rows=5)
    failures = to_the_end(Steps(place, redis, Sick), later)
    assert len(failures) == 3, "three plain attempts at what is left, then with care"
    [row] = rows_of(later.output, read_manifest(later.output).rejected_parts)
    assert (row["row"], row["raw"]) == (4, "kill it")
    assert read_manifest(later.output).rows_labelled == 4


def test_the_feedback_of_another_customer_is_never_borrowed_from(place, redis):
    """Not even if dataset.json says so: a donor is a dataset of the same customer."""
    theirs = store_dataset(place, OLD, customer="other")
    labelled(place, redis, store_job(place, theirs))
    donors = tuple(
        SourceChunk(dataset=theirs.id, position=position, shared=2) for position in range(3)
    )
    mine = store_dataset(place, OLD[1:], chunk_rows=5, name="mine", found=[(donors, 0)])
    labelled(place, redis, store_job(place, mine, id="job2", out=place.url_of("two")), Counting)
    assert len(Counting.asked) == 2 * 5


def test_who_scores_a_cell_tells_every_job_that_waits_for_it(place, redis):
    """The other's message may have been left alone, because somebody was at the cell."""
    dataset = store_dataset(place, OLD[:2])
    one, two = (
        store_job(place, dataset, ["bow"], id=name, out=place.url_of(name))
        for name in ("job1", "job2")
    )
    steps = Steps(place, redis)
    steps.plan(one)
    steps.plan(two)
    steps.queue.remove(next(message for message in steps.queue if message.job == "job2"))
    steps.drain()
    assert steps.scored == [("bow", 1)]
    assert [read_manifest(job.output).rows_labelled for job in (one, two)] == [2, 2]
