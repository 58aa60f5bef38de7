"""Score reuse: a text that was scored in an earlier upload is not scored again."""

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
from tests.support.runs.failing_texts import FailingModel, rows_of, run_to_end
from tests.support.runs.steps import (
    LengthModel,
    Steps,
    digests_without_manifest,
    files_of,
    store_dataset,
    store_job,
)

OLD = ["fine", "awful service", "ok", "late again", "fine", "x" * 40]
TEXTS = st.lists(st.sampled_from([*OLD, "kill it", "nan", "new", "newer"]), min_size=1, max_size=8)


class RecordingModel(LengthModel):
    """A model that records which texts it has scored, in a list that all instances share."""

    scored_texts: list[str]

    def score(self, texts):
        RecordingModel.scored_texts += texts.to_pylist()
        return super().score(texts)


@pytest.fixture(autouse=True)
def no_scored_texts():
    RecordingModel.scored_texts = []


def store_with_sources(place, texts, earlier, chunk_rows=2, **changes):
    """Store a dataset with exact source chunks: every chunk of earlier datasets with its texts."""
    overlaps = []
    for first in range(0, len(texts), chunk_rows):
        chunk_texts = texts[first : first + chunk_rows]
        new, sources = set(chunk_texts), []
        for dataset in earlier:
            for position in range(len(dataset.chunks)):
                shared_texts = new & set(feedback.read_texts(place, dataset, position).to_pylist())
                if shared_texts:
                    shared = sum(text in shared_texts for text in chunk_texts)
                    sources.append(
                        SourceChunk(dataset=dataset.id, position=position, shared=shared)
                    )
                    new -= shared_texts
        overlaps.append((tuple(sources), sum(text in new for text in chunk_texts)))
    return store_dataset(place, texts, chunk_rows, sources=overlaps, **changes)


def run_job(place, redis, job, make=LengthModel):
    """Run a job to its end, and return its steps."""
    steps = Steps(place, redis, make)
    run_to_end(steps, job)
    return steps


def store_later_job(place, texts, earlier, **changes):
    """Store a later upload of the same customer, and return its job."""
    dataset = store_with_sources(place, texts, earlier, name="later", **changes)
    return store_job(place, dataset, id="job2", out=place.url_of("two"))


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=TEXTS, new=TEXTS, chunk_rows=st.integers(1, 8))
def test_with_any_overlap_the_labels_equal_those_of_scoring_everything(
    old, new, chunk_rows, broker, tmp_path_factory
):
    results = []
    with broker.client() as redis:
        for reuse in (True, False):
            redis.flushall()
            place = LocalPlace(tmp_path_factory.mktemp("home"))
            first = store_dataset(place, old, chunk_rows=3)
            if reuse:
                run_job(place, redis, store_job(place, first), FailingModel)
            later = store_later_job(place, new, [first], chunk_rows=chunk_rows)
            run_job(place, redis, later, FailingModel)
            results.append(digests_without_manifest(files_of(later)))
            assert read_manifest(later.output).rows_in == len(new)
    assert results[0] == results[1]


def test_only_new_texts_are_scored(place, redis):
    first = store_dataset(place, OLD)
    run_job(place, redis, store_job(place, first))
    later = store_later_job(place, ["brand new", *OLD[:3], "another", "ok"], [first], chunk_rows=3)
    run_job(place, redis, later, RecordingModel)
    assert sorted(RecordingModel.scored_texts) == [
        "another",
        "another",
        "brand new",
        "brand new",
    ], "each by two models"
    assert read_manifest(later.output).rows_labelled == 6


def test_an_upload_without_new_texts_uses_no_model(place, redis):
    first = store_dataset(place, OLD)
    run_job(place, redis, store_job(place, first))
    later = store_later_job(place, OLD[1:], [first], chunk_rows=3)
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
    place.replace(feedback.chunk_path("acme", "upload", 0), b"not Parquet")


def lose_scores(place):
    place.remove(f"scores/bow/1/{place.names('scores/bow/1')[0]}")


def damage_scores(place):
    place.replace(f"scores/bow/1/{place.names('scores/bow/1')[0]}", b"not Arrow")


def replace_with_scores_of_another_digest(place):
    path = f"scores/bow/1/{place.names('scores/bow/1')[0]}"
    stored = scores.decode(place.read(path), path)
    place.replace(
        path, scores.encode(scores.Scores("bow", 1, "another", stored.labels, stored.values))
    )


@pytest.mark.parametrize(
    "damage",
    [
        lose_dataset,
        lose_chunk,
        damage_chunk,
        lose_scores,
        damage_scores,
        replace_with_scores_of_another_digest,
    ],
)
@pytest.mark.parametrize("when", ["before the plan", "between plan and reduce"])
def test_texts_of_a_lost_source_chunk_are_scored_instead(place, redis, damage, when):
    first = store_dataset(place, OLD, chunk_rows=6)
    run_job(place, redis, store_job(place, first))
    later = store_later_job(place, OLD[1:], [first], chunk_rows=6)
    if when == "before the plan":
        damage(place)
    steps = new_process(place, redis, RecordingModel)
    steps.plan(later)
    if when == "between plan and reduce":
        assert [type(message) for message in steps.queue] == [ReduceChunk]
        damage(place)
        steps.context = new_process(place, redis, RecordingModel, steps.queue).context
    for _ in range(20):  # a job that is planned and reduced in a loop would not end
        if steps.queue:
            steps.run(steps.queue.pop(0))
    assert steps.queue == []
    assert read_manifest(later.output).rows_labelled == 5
    assert set(RecordingModel.scored_texts) == set(OLD[1:])


def new_process(place, redis, make=LengthModel, queue=None):
    """Return steps that have read nothing yet, as in a new process."""
    steps = Steps(LocalPlace(Path(place.url)), redis, make)
    if queue is not None:
        steps.context = replace(steps.context, publish=queue.append)
    return steps


def test_a_job_ends_though_its_plan_keeps_expecting_damaged_scores(place, redis):
    """The source chunk's scores exist but are damaged, and every message to a worker is lost."""
    first = store_dataset(place, OLD)
    run_job(place, redis, store_job(place, first))
    damage_scores(place)
    later = store_later_job(place, OLD, [first], chunk_rows=6)
    steps = Steps(place, redis)
    for _ in range(3):
        steps.plan(later)
        reduce_messages = [message for message in steps.queue if not isinstance(message, ScoreCell)]
        assert reduce_messages, (
            "the plan takes the chunk for scored, and reduce finds that it is not"
        )
        steps.queue.clear()
        for message in reduce_messages:
            steps.run(message)
        assert {type(message) for message in steps.queue} == {ScoreCell}, "and has it scored"
    steps.drain()
    assert read_manifest(later.output).rows_labelled == 6


def test_a_rejected_row_of_an_earlier_upload_is_rejected_without_scoring_it(place, redis):
    first = store_dataset(place, ["fine", "kill it", "ok"], chunk_rows=3)
    run_job(place, redis, store_job(place, first), FailingModel)
    later = store_later_job(place, ["ok", "new", "fine", "kill it"], [first], chunk_rows=4)
    steps = run_job(place, redis, later, RecordingModel)
    assert sorted(RecordingModel.scored_texts) == ["new", "new"]
    assert steps.scored == [("bow", 1), ("minilm", 1)]
    [row] = rows_of(later.output, read_manifest(later.output).rejected_parts)
    assert (row["row"], row["raw"], row["detail"]) == (
        4,
        "kill it",
        "bow 1: ended by signal SIGKILL",
    )


def test_a_rejected_new_row_is_named_by_its_row_in_the_upload(place, redis):
    first = store_dataset(place, ["fine", "ok", "late again"], chunk_rows=3)
    run_job(place, redis, store_job(place, first))
    later = store_later_job(
        place, ["ok", "fine", "new", "kill it", "late again"], [first], chunk_rows=5
    )
    failures = run_to_end(Steps(place, redis, FailingModel), later)
    assert len(failures) == 3, "three attempts at the new texts, then fault isolation"
    [row] = rows_of(later.output, read_manifest(later.output).rejected_parts)
    assert (row["row"], row["raw"]) == (4, "kill it")
    assert read_manifest(later.output).rows_labelled == 4


def test_scores_of_another_customer_are_never_reused(place, redis):
    """Not even if dataset.json names their chunks: sources are datasets of the same customer."""
    theirs = store_dataset(place, OLD, customer="other")
    run_job(place, redis, store_job(place, theirs))
    sources = tuple(
        SourceChunk(dataset=theirs.id, position=position, shared=2) for position in range(3)
    )
    mine = store_dataset(place, OLD[1:], chunk_rows=5, name="mine", sources=[(sources, 0)])
    run_job(
        place, redis, store_job(place, mine, id="job2", out=place.url_of("two")), RecordingModel
    )
    assert len(RecordingModel.scored_texts) == 2 * 5


def test_a_scored_cell_counts_for_every_job_that_needs_it(place, redis):
    """The other job's message may have been dropped, because the cell was leased."""
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
