"""A job's steps in any order and repeated, with a board in Redis: always the same labels."""

import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.places.place import Differs, LocalPlace
from storage.records import scores
from storage.records.labelled_output import part_name, read_manifest
from tasks.broker.step_messages import FinishJob, ReduceChunk, ScoreCell
from tasks.steps.finish import BadPart
from tests.support.runs.steps import (
    Steps,
    digests_without_manifest,
    files_of,
    store_dataset,
    store_job,
)

# two rows a chunk; chunks 0 and 2 are equal
TEXTS = ["fine", "awful service", "ok", "late again", "fine", "awful service", "x" * 40]


@pytest.fixture(scope="module")
def expected_files(broker):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        redis.flushall()
        place = LocalPlace(Path(folder))
        job = store_job(place, store_dataset(place, TEXTS))
        steps = Steps(place, redis)
        steps.plan(job)
        steps.drain()
        return digests_without_manifest(files_of(job))


def test_a_job_labels_every_row_once(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    steps = Steps(place, redis)
    steps.plan(job)
    steps.drain()
    manifest = read_manifest(job.output)
    rows = [
        row
        for part in manifest.parts
        for row in pq.read_table(job.output.url_of(part.name)).to_pylist()
    ]
    assert [row["id"] for row in rows] == [f"r{number}" for number in range(len(TEXTS))]
    assert [row["text"] for row in rows] == TEXTS
    assert rows[0]["mood"] in ("bad", "good")
    assert rows[0]["channel"] == "web"
    assert sorted(steps.scored) == [("bow", 1)] * 3 + [("minilm", 1)] * 3, (
        "equal chunks are scored once"
    )
    assert steps.context.board.progress(job.id, ["bow"]).status == "done"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_steps_in_any_order_and_repeated_give_the_same_bytes(data, broker, expected_files):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        redis.flushall()
        place = LocalPlace(Path(folder))
        job = store_job(place, store_dataset(place, TEXTS))
        steps = Steps(place, redis)
        steps.plan(job)
        repeated = 0
        while steps.queue:
            message = steps.queue.pop(data.draw(st.integers(0, len(steps.queue) - 1)))
            steps.run(message)
            if repeated < 12 and data.draw(st.integers(0, 3)) == 0:
                repeated += 1
                extra = data.draw(st.sampled_from([message, FinishJob(job.id), None]))
                if extra is None:
                    steps.plan(job)
                else:
                    steps.queue.append(extra)
        assert digests_without_manifest(files_of(job)) == expected_files


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_after_queue_and_board_are_lost_a_new_plan_completes_the_job(data, broker, expected_files):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        redis.flushall()
        place = LocalPlace(Path(folder))
        job = store_job(place, store_dataset(place, TEXTS))
        steps = Steps(place, redis)
        steps.plan(job)
        for _ in range(data.draw(st.integers(0, 20))):
            if steps.queue:
                steps.run(steps.queue.pop(data.draw(st.integers(0, len(steps.queue) - 1))))
        steps.queue.clear()
        redis.flushall()
        steps.plan(job)
        steps.drain()
        assert digests_without_manifest(files_of(job)) == expected_files


def test_a_second_plan_of_a_complete_job_scores_nothing(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    first, second = Steps(place, redis), Steps(place, redis)
    first.plan(job)
    first.drain()
    before = files_of(job)
    second.plan(job)
    second.drain()
    assert second.scored == []
    assert files_of(job) == before


def test_a_truncated_scores_file_is_computed_again(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    steps = Steps(place, redis)
    steps.plan(job)
    while isinstance(steps.queue[0], ScoreCell):
        steps.run(steps.queue.pop(0))
    assert isinstance(steps.queue[0], ReduceChunk)
    chunk = steps.queue[0].chunk
    whole = place.read(scores.path("bow", 1, chunk))
    place.remove(scores.path("bow", 1, chunk))
    place.create(scores.path("bow", 1, chunk), whole[:100])
    steps.drain()
    assert place.read(scores.path("bow", 1, chunk)) == whole
    assert read_manifest(job.output).rows_labelled == len(TEXTS)


def test_a_job_over_an_empty_dataset_ends_complete_and_empty(place, redis):
    job = store_job(place, store_dataset(place, []))
    steps = Steps(place, redis)
    steps.plan(job)
    steps.drain()
    assert read_manifest(job.output).parts == ()


def test_a_foreign_file_in_place_of_a_part_is_not_overwritten(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    job.output.create(part_name(0), b"not ours")
    steps = Steps(place, redis)
    steps.plan(job)
    with pytest.raises((BadPart, Differs), match="part-00000"):
        steps.drain()
    assert job.output.read(part_name(0)) == b"not ours"
