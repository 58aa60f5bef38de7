"""Rows that a model cannot score are rejected with the reason, after attempts counted in Redis."""

import tempfile
from pathlib import Path

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
from tasks.steps.fault_isolation import IsolatedScoringFailed
from tasks.steps.finish import BadPart
from tasks.steps.score import ATTEMPTS_BEFORE_ISOLATION, ModelBroken, ScoringFailed
from tests.support.runs.failing_texts import FailingModel, rows_of, run_to_end
from tests.support.runs.steps import (
    LengthModel,
    Steps,
    digests_without_manifest,
    files_of,
    store_dataset,
    store_job,
)

# two rows a chunk; chunks 0 and 3 are equal
TEXTS = ["fine", "kill it", "ok", "nan", "x", "yes", "fine", "kill it"]
KILLED = {1: "bow 1: ended by signal SIGKILL", 7: "bow 1: ended by signal SIGKILL"}
NAN = "minilm 1: answered with values that are not finite"


class BrokenModel(LengthModel):
    """An isolated model that is killed by every text."""

    def score(self, _texts):
        raise IsolatedScoringFailed("ended by signal SIGSEGV")


def test_failing_rows_are_rejected_with_their_reasons_and_the_others_are_labelled(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    failures = run_to_end(Steps(place, redis, FailingModel), job)
    assert sorted(failure.attempt for failure in failures) == [1, 1, 2, 2, 3, 3], (
        "three attempts in the worker's process for each cell"
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
def expected_files(broker):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        redis.flushall()
        place = LocalPlace(Path(folder))
        job = store_job(place, store_dataset(place, TEXTS))
        run_to_end(Steps(place, redis, FailingModel), job)
        return digests_without_manifest(files_of(job))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_steps_in_any_order_and_repeated_reject_the_same_rows_with_the_same_bytes(
    data, broker, expected_files
):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        redis.flushall()
        place = LocalPlace(Path(folder))
        job = store_job(place, store_dataset(place, TEXTS))
        steps = Steps(place, redis, FailingModel)
        steps.plan(job)
        repeated = 0
        while steps.queue:
            message = steps.queue.pop(data.draw(st.integers(0, len(steps.queue) - 1)))
            try:
                steps.run(message)
            except ScoringFailed:
                steps.queue.append(message)
            if repeated < 12 and data.draw(st.integers(0, 3)) == 0:
                repeated += 1
                extra = data.draw(st.sampled_from([message, FinishJob(job.id), None]))
                if extra is None:
                    steps.plan(job)
                else:
                    steps.queue.append(extra)
        assert digests_without_manifest(files_of(job)) == expected_files


def test_the_reason_names_every_member_that_failed_on_a_row(place, redis):
    class TimingOutModel(LengthModel):
        def score(self, texts):
            if "endless" in texts.to_pylist():
                raise IsolatedScoringFailed("took longer than 60 s")
            return super().score(texts)

    job = store_job(place, store_dataset(place, ["endless"]))
    run_to_end(Steps(place, redis, TimingOutModel), job)
    [row] = rows_of(job.output, read_manifest(job.output).rejected_parts)
    assert row["detail"] == "bow 1: took longer than 60 s; minilm 1: took longer than 60 s"


def test_a_chunk_whose_rows_are_all_rejected_has_an_empty_part(place, redis):
    job = store_job(place, store_dataset(place, ["kill it"]))
    run_to_end(Steps(place, redis, FailingModel), job)
    manifest = read_manifest(job.output)
    assert [(part.name, part.rows) for part in manifest.parts] == [("part-00000.parquet", 0)]
    assert (manifest.rows_in, manifest.rows_labelled, manifest.rows_rejected) == (1, 0, 1)
    other = store_job(
        place, store_dataset(place, ["fine"], name="other"), id="job2", out=place.url_of("two")
    )
    run_to_end(Steps(place, redis, FailingModel), other)
    empty, full = (pq.read_schema(one.output.url_of("part-00000.parquet")) for one in (job, other))
    assert empty.equals(full), "a reader of the folder can read both"


def test_a_reader_of_the_output_folder_skips_the_rejects(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    run_to_end(Steps(place, redis, FailingModel), job)
    assert len(pq.read_table(job.out, partitioning=None)) == 5


def test_the_rejects_of_a_job_without_texts_have_no_texts(place, redis):
    job = store_job(place, store_dataset(place, TEXTS), keep_text=False)
    run_to_end(Steps(place, redis, FailingModel), job)
    rejected = rows_of(job.output, read_manifest(job.output).rejected_parts)
    assert [(row["row"], row["raw"]) for row in rejected] == [(2, None), (4, None), (8, None)]


def test_a_later_job_rejects_the_same_rows_without_scoring_them(place, redis):
    dataset = store_dataset(place, TEXTS)
    first, second = (
        store_job(place, dataset, id=name, out=place.url_of(name)) for name in ("job1", "job2")
    )
    run_to_end(Steps(place, redis, FailingModel), first)
    steps = Steps(place, redis, FailingModel)
    assert run_to_end(steps, second) == []
    assert steps.scored == []
    assert read_manifest(second.output).rows_rejected == 3
    names = [name for name in files_of(first) if name.endswith(".parquet")]
    assert len(names) == 7
    assert all(files_of(first)[name] == files_of(second)[name] for name in names)


def test_the_attempts_of_a_cell_are_deleted_once_it_has_scores(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    run_to_end(Steps(place, redis, FailingModel), job)
    assert redis.keys("*attempts*") == []


def test_a_cell_that_killed_its_workers_is_scored_with_fault_isolation(place, redis):
    """An attempt is counted before it begins: a killed worker cannot count it afterwards."""
    dataset = store_dataset(place, TEXTS)
    job = store_job(place, dataset)
    steps = Steps(place, redis, FailingModel)
    cell = ScoreCell(job.id, dataset.chunks[0].id, "bow", 1)
    for _ in range(ATTEMPTS_BEFORE_ISOLATION):
        Attempts(steps.context.board, cell).count()
    steps.run(cell)
    stored = scores.decode(place.read(scores.path("bow", 1, cell.chunk)), "x")
    assert stored.rejected == {1: "ended by signal SIGKILL"}


def test_a_model_that_fails_on_every_text_raises_and_stores_nothing(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    steps = Steps(place, redis, BrokenModel)
    with pytest.raises(
        ModelBroken,
        match=r"bow version 1 cannot score .* a harmless text fails as well: ended by sig",
    ):
        run_to_end(steps, job)
    assert place.names("scores") == []


def test_scores_of_a_wrong_shape_count_as_a_failure(place, redis):
    class TooFewScores(LengthModel):
        def score(self, texts):
            return super().score(texts.filter([text.as_py() != "ok" for text in texts]))

    job = store_job(place, store_dataset(place, TEXTS))
    failures = run_to_end(Steps(place, redis, TooFewScores), job)
    assert "answered [1, 2] values to 2 texts under 2 labels" in str(failures[0])
    assert read_manifest(job.output).rows_rejected == 1


def test_lost_rejects_are_detected_before_the_manifest_lists_their_part(place, redis):
    job = store_job(place, store_dataset(place, TEXTS))
    steps = Steps(place, redis, FailingModel)
    run_to_end(steps, job)
    job.output.remove("_rejects-00001.parquet")
    assert read_manifest(job.output) is None
    with pytest.raises(
        BadPart, match=r"part-00001.parquet should have 2 labelled rows, and has 1 rows"
    ):
        steps.run(FinishJob(job.id))
    before = files_of(job)
    job.output.remove("part-00001.parquet")
    run_to_end(steps, job)
    assert read_manifest(job.output).rows_rejected == 3
    assert before.items() <= files_of(job).items()


def test_a_folder_with_rejects_of_another_job_is_refused(place):
    dataset = store_dataset(place, TEXTS)
    job = store_job(place, dataset)
    place.create("taken/_rejects-00000.parquet", b"not ours")
    versions = ResolvedVersions(job.ensemble, job.models)
    with pytest.raises(OutputTaken, match="_rejects-00000"):
        create_job(
            place,
            build_job(
                place,
                dataset,
                versions,
                out=place.url_of("taken"),
                keep_text=True,
                keep_columns=False,
            ),
        )
