"""A job with `--out FILE` is done when the file is there, whatever happens in between."""

import csv

import pytest

from storage.records.exported_files import is_latest_missing, request_file, requested_files
from storage.records.job_state import recorded_state
from storage.records.jobs import remove_end
from storage.records.labelled_output import default_folder
from tasks.broker.step_messages import FinishJob
from tasks.export.destination import FileTaken
from tasks.jobs.submit import reactivate_if_done, start_job, stop_job
from tasks.steps import finish
from tests.support.runs.steps import Steps, store_dataset, store_job

TEXTS = ["fine", "awful service", "ok", "late again", "x"]


@pytest.fixture
def steps(place, redis):
    return Steps(place, redis)


@pytest.fixture
def job(place):
    return store_job(place, store_dataset(place, TEXTS))


@pytest.fixture
def file(place, job, tmp_path):
    request_file(place, [job.id], str(tmp_path / "out" / "labels.csv"))
    return tmp_path / "out" / "labels.csv"


def second_job(place, dataset):
    out = place.url_of(default_folder(dataset.customer, "job2"))
    return store_job(place, dataset, id="job2", out=out)


def ids_in(file):
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return [row["id"] for row in csv.DictReader(opened)]


def run(steps, job):
    steps.plan(job)
    steps.drain()


def test_the_job_is_done_when_the_file_is_there(place, steps, job, file):
    steps.plan(job)
    while steps.queue:
        assert file.exists() == recorded_state(place, job.id).is_done
        steps.run(steps.queue.pop(0))
    assert recorded_state(place, job.id).is_done
    assert ids_in(file) == [f"r{number}" for number in range(len(TEXTS))]


def test_a_repeated_step_leaves_the_file_as_it_is(steps, job, file):
    run(steps, job)
    before = file.stat()
    steps.run(FinishJob(job.id))
    steps.drain()
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_worker_that_dies_before_the_end_is_recorded_leaves_a_job_that_another_ends(
    place, steps, job, file, monkeypatch
):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(finish, "write_end", die)
    with pytest.raises(KeyboardInterrupt):
        run(steps, job)
    monkeypatch.undo()
    steps.queue.clear()
    before = file.read_bytes()
    assert recorded_state(place, job.id).is_open
    run(steps, job)
    assert recorded_state(place, job.id).is_done
    assert file.read_bytes() == before


def test_a_cancelled_job_writes_no_file_and_a_resumed_one_does(place, steps, job, file):
    steps.plan(job)
    while not (len(steps.queue) == 1 and steps.scored):
        steps.run(steps.queue.pop(0))
    stop_job(steps.context, job, "cancelled")
    steps.drain()
    assert not file.exists()
    assert recorded_state(place, job.id).is_stopped
    start_job(steps.context, job)
    steps.drain()
    assert recorded_state(place, job.id).is_done
    assert file.exists()


def test_a_removed_file_is_written_again_by_the_same_request(place, steps, job, file):
    run(steps, job)
    scored = len(steps.scored)
    assert reactivate_if_done(place, job)
    file.unlink()
    assert not reactivate_if_done(place, job)
    start_job(steps.context, job)
    steps.drain()
    assert ids_in(file)
    assert len(steps.scored) == scored
    assert recorded_state(place, job.id).is_done


def test_a_done_job_gets_another_file_on_request(place, steps, job, file):
    run(steps, job)
    other = file.with_suffix(".jsonl")
    request_file(place, [job.id], str(other))
    start_job(steps.context, job)
    steps.drain()
    assert len(other.read_text().splitlines()) == len(TEXTS)
    assert [each.url for each in requested_files(place, job.id)] == [str(file), str(other)]


def test_a_file_that_somebody_made_meanwhile_is_kept_and_the_job_is_not_done(
    place, steps, job, file
):
    file.parent.mkdir()
    file.write_text("mine")
    run(steps, job)
    assert file.read_text() == "mine"
    end = recorded_state(place, job.id).end
    assert (end.status, end.error) == ("failed", str(FileTaken(str(file))))


def test_a_file_that_another_job_wrote_over_is_missing(place, steps, job, file):
    run(steps, job)
    other = second_job(place, store_dataset(place, ["new"], name="other"))
    request_file(place, [other.id], str(file))
    run(steps, other)
    assert ids_in(file) == ["r0"]
    assert is_latest_missing(place, job.id)


def test_a_file_of_two_jobs_is_written_by_the_one_that_ends_last(place, steps, job, tmp_path):
    other = second_job(place, store_dataset(place, TEXTS))
    both = tmp_path / "both.csv"
    request_file(place, [job.id, other.id], str(both))
    run(steps, job)
    assert recorded_state(place, job.id).is_done
    assert not both.exists()
    run(steps, other)
    header = both.read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    assert {"text_job1_mood", "text_job2_mood"} <= set(header)
    remove_end(place, job.id)
    assert not is_latest_missing(place, job.id)
