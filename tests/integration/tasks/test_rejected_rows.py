"""Texts that a model cannot score: rejected with the reason after attempts that a real broker
counts.
"""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.names import digest
from storage.places.place import LocalPlace
from storage.records import feedback, scores
from storage.records.labelled_output import read_manifest
from tasks.board.attempts import Attempts
from tasks.broker.step_messages import FinishJob, ScoreCell
from tasks.jobs.submit import OutputTaken, ResolvedVersions, build_job, create_job
from tasks.steps.fault_isolation import TextsFailed
from tasks.steps.finish import BadPart
from tasks.steps.score import ATTEMPTS, ModelBroken, ScoringFailed
from tests.support.runs.steps import (
    Constant,
    Steps,
    files_of,
    store_dataset,
    store_job,
    without_places,
)

# by two: chunks 0 and 3 are equal
TEXTS = ["fine", "kill it", "ok", "nan", "x", "yes", "fine", "kill it"]
KILLED = {1: "bow 1: ended by signal SIGKILL", 7: "bow 1: ended by signal SIGKILL"}
NAN = "minilm 1: answered with values that are not finite"


class Sick(Constant):
    """bow dies of one word, minilm gives nonsense for another; each is a model in a process of its
    own.
    """

    def __init__(self, model):
        super().__init__(model)
        self.model, self.asked = model, 0

    def score(self, texts):
        words = {word for text in texts.to_pylist() for word in text.split()}
        if self.model == "bow" and "kill" in words:
            raise TextsFailed("ended by signal SIGKILL")
        values = super().score(texts)
        if self.model == "minilm":
            values[[text == "nan" for text in texts.to_pylist()]] = np.nan
        return values


class Broken(Constant):
    def score(self, _texts):
        raise TextsFailed("ended by signal SIGSEGV")


def to_the_end(steps, job, plan=True):
    """As workers would: a cell that failed is tried again, at once."""
    if plan:
        steps.plan(job)
    failures = []
    while steps.queue:
        message = steps.queue.pop(0)
        try:
            steps.run(message)
        except ScoringFailed as error:
            failures.append(error)
            steps.queue.insert(0, message)
    return failures


def rows_of(output, parts):
    return [
        row
        for part in parts
        for row in pq.read_table(output.url_of(part.name), partitioning=None).to_pylist()
    ]


def test_the_rows_are_rejected_with_their_reasons_and_the_rest_is_labelled(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    failures = to_the_end(Steps(place, redis, Sick), job)
    assert sorted(failure.attempt for failure in failures) == [1, 1, 2, 2, 3, 3], (
        "a plain attempt, three times a cell"
    )
    manifest = read_manifest(job.output)
    assert (manifest.rows_in, manifest.rows_labelled, manifest.rows_rejected) == (8, 5, 3)
    assert [row["id"] for row in rows_of(job.output, manifest.parts)] == [
        "r0",
        "r2",
        "r4",
        "r5",
        "r6",
    ]
    assert [(part.name, part.rows) for part in manifest.rejected_parts] == [
        ("_rejects-00000.parquet", 1),
        ("_rejects-00001.parquet", 1),
        ("_rejects-00003.parquet", 1),
    ]
    for part in manifest.rejected_parts:
        data = job.output.read(part.name)
        assert (len(data), digest(data)) == (part.bytes, part.sha256)
    assert rows_of(job.output, manifest.rejected_parts) == [
        {
            "row": at + 1,
            "id": f"r{at}",
            "reason": feedback.MODEL_FAILED,
            "detail": detail,
            "raw": TEXTS[at],
        }
        for at, detail in sorted({**KILLED, 3: NAN}.items())
    ]
    assert pq.read_schema(job.output.url_of("_rejects-00000.parquet")) == feedback.REJECTS


@pytest.fixture(scope="module")
def undisturbed(broker):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        redis.flushall()
        place = LocalPlace(Path(folder))
        job = store_job(place, store_dataset(place, TEXTS))
        to_the_end(Steps(place, redis, Sick), job)
        return without_places(files_of(job))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_any_repetition_reject_the_same_rows_with_the_same_bytes(
    data, broker, undisturbed
):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        redis.flushall()
        place = LocalPlace(Path(folder))
        job = store_job(place, store_dataset(place, TEXTS))
        steps = Steps(place, redis, Sick)
        steps.plan(job)
        told_again = 0
        while steps.queue:
            message = steps.queue.pop(data.draw(st.integers(0, len(steps.queue) - 1)))
            try:
                steps.run(message)
            except ScoringFailed:
                steps.queue.append(message)
            if told_again < 12 and data.draw(st.integers(0, 3)) == 0:
                told_again += 1
                again = data.draw(st.sampled_from([message, FinishJob(job.id), None]))
                if again is None:
                    steps.plan(job)
                else:
                    steps.queue.append(again)
        assert without_places(files_of(job)) == undisturbed


def test_two_members_that_cannot_score_a_row_are_both_named(place, redis):
    class Slow(Constant):
        def score(self, texts):
            if "endless" in texts.to_pylist():
                raise TextsFailed("took longer than 60 s")
            return super().score(texts)

    job = store_job(place, store_dataset(place, ["endless"]))
    to_the_end(Steps(place, redis, Slow), job)
    [row] = rows_of(job.output, read_manifest(job.output).rejected_parts)
    assert row["detail"] == "bow 1: took longer than 60 s; minilm 1: took longer than 60 s"


def test_a_chunk_without_a_row_left_has_an_empty_part(place, redis):
    job = store_job(place, store_dataset(place, ["kill it"]))
    to_the_end(Steps(place, redis, Sick), job)
    manifest = read_manifest(job.output)
    assert [(part.name, part.rows) for part in manifest.parts] == [("part-00000.parquet", 0)]
    assert (manifest.rows_in, manifest.rows_labelled, manifest.rows_rejected) == (1, 0, 1)
    whole = store_job(
        place, store_dataset(place, ["fine"], name="other"), id="job2", out=place.url_of("two")
    )
    to_the_end(Steps(place, redis, Sick), whole)
    empty, full = (pq.read_schema(one.output.url_of("part-00000.parquet")) for one in (job, whole))
    assert empty.equals(full), "so that a reader of all parts can read it beside the others"


def test_a_reader_of_the_whole_folder_does_not_see_the_rejects(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    to_the_end(Steps(place, redis, Sick), job)
    assert len(pq.read_table(job.out, partitioning=None)) == 5


def test_without_texts_the_rejects_hold_none_either(place, redis):
    job = store_job(place, store_dataset(place, TEXTS), keep_text=False)
    to_the_end(Steps(place, redis, Sick), job)
    rejected = rows_of(job.output, read_manifest(job.output).rejected_parts)
    assert [(row["row"], row["raw"]) for row in rejected] == [(2, None), (4, None), (8, None)]


def test_a_later_job_rejects_the_same_rows_without_trying_again(place, redis):
    dataset = store_dataset(place, TEXTS)
    first, second = (
        store_job(place, dataset, id=name, out=place.url_of(name)) for name in ("job1", "job2")
    )
    to_the_end(Steps(place, redis, Sick), first)
    steps = Steps(place, redis, Sick)
    assert to_the_end(steps, second) == []
    assert steps.scored == []
    assert read_manifest(second.output).rows_rejected == 3
    names = [name for name in files_of(first) if name.endswith(".parquet")]
    assert len(names) == 7
    assert all(files_of(first)[name] == files_of(second)[name] for name in names)


def test_the_attempts_of_a_cell_are_forgotten_once_it_has_scores(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    to_the_end(Steps(place, redis, Sick), job)
    assert redis.keys("*attempts*") == []


def test_a_cell_that_workers_died_of_is_scored_with_care_by_the_next(place, redis):
    """Whoever takes a cell says so first; a worker that is killed has no time to say it afterwards."""
    dataset = store_dataset(place, TEXTS)
    job = store_job(place, dataset)
    steps = Steps(place, redis, Sick)
    cell = ScoreCell(job.id, dataset.chunks[0].id, "bow", 1)
    for _ in range(ATTEMPTS):
        Attempts(steps.context.board, cell).count()
    steps.run(cell)
    found = scores.decode(place.read(scores.path("bow", 1, cell.chunk)), "x")
    assert found.rejected == {1: "ended by signal SIGKILL"}


def test_a_model_that_fails_on_everything_fails_the_job_and_stores_nothing(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    steps = Steps(place, redis, Broken)
    with pytest.raises(
        ModelBroken,
        match=r"bow version 1 cannot score .* a harmless text fails as well: ended by sig",
    ):
        to_the_end(steps, job)
    assert place.names("scores") == []


def test_an_answer_of_another_shape_is_a_failure_and_not_scores(place, redis):
    class Short(Constant):
        def score(self, texts):
            return super().score(texts.filter([text.as_py() != "ok" for text in texts]))

    job = store_job(place, store_dataset(place, TEXTS))
    failures = to_the_end(Steps(place, redis, Short), job)
    assert "answered [1, 2] values to 2 texts under 2 labels" in str(failures[0])
    assert read_manifest(job.output).rows_rejected == 1


def test_rejects_that_are_lost_are_noticed_before_the_manifest_vouches_for_the_part(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    steps = Steps(place, redis, Sick)
    to_the_end(steps, job)
    job.output.remove("_rejects-00001.parquet")
    assert read_manifest(job.output) is None
    with pytest.raises(
        BadPart, match=r"part-00001.parquet should hold 2 labelled rows, and is one of 1 rows"
    ):
        steps.run(FinishJob(job.id))
    before = files_of(job)
    job.output.remove("part-00001.parquet")
    to_the_end(steps, job)
    assert read_manifest(job.output).rows_rejected == 3
    assert before.items() <= files_of(job).items()


def test_a_folder_with_rejects_of_somebody_else_is_not_taken(place):
    dataset = store_dataset(place, TEXTS)
    job = store_job(place, dataset)
    place.create("taken/_rejects-00000.parquet", b"not ours")
    lineup = ResolvedVersions(job.ensemble, job.models)
    with pytest.raises(OutputTaken, match="_rejects-00000"):
        create_job(
            place,
            build_job(
                place,
                dataset,
                lineup,
                out=place.url_of("taken"),
                keep_text=True,
                keep_columns=False,
            ),
        )
