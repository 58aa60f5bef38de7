"""A requested file that cannot be written fails its request, and stops no other one."""

import logging

import pytest

from chorus.jobs.job_selection import JobSelection, select_jobs
from chorus.jobs.job_status import job_details, job_summary
from storage.places.place import LocalPlace
from storage.places.retry import StorageUnavailable
from storage.records.exported_files import is_latest_missing, request_file, requested_files
from storage.records.job_state import recorded_state
from storage.records.jobs import JobEnd, write_end
from storage.records.labelled_output import default_folder
from tasks.export import write_export
from tasks.jobs.submit import reactivate_if_done, start_job, stop_job
from tests.support.runs.steps import Steps, store_dataset, store_job


@pytest.fixture
def steps(place, redis):
    return Steps(place, redis)


@pytest.fixture
def job(place):
    return store_job(place, store_dataset(place, ["fine", "late again", "x"]))


@pytest.fixture
def bad(tmp_path):
    """A file whose folder cannot be made, as a file has its name; also for an administrator."""
    (tmp_path / "blocked").write_text("no folder")
    return tmp_path / "blocked" / "labels.csv"


@pytest.fixture
def good(tmp_path):
    return tmp_path / "good.csv"


def request(steps, job, *files):
    """Request these files, one after the other, and start the job, as a command does."""
    for file in files:
        request_file(steps.context.place, [job.id], str(file))
    start_job(steps.context, job)
    steps.drain()


def states(place, board, job):
    """Return what every reader says of the job: its end, status, lists and the board."""
    progress = board.progress(job.id, job.model_names)
    listed = {
        state
        for state in ("done", "failed", "incomplete", "running")
        if select_jobs(
            place, JobSelection(states=(state,)), lambda one: job_summary(place, board, one)
        )[0]
    }
    return (
        recorded_state(place, job.id).end.status,
        job_details(place, board, job)["status"],
        *listed,
        progress.status,
    )


def test_the_job_failed_for_every_reader_while_its_latest_file_is_not_there(place, steps, job, bad):
    request(steps, job, bad)
    assert states(place, steps.context.board, job) == ("failed",) * 4
    status = job_details(place, None, job)
    assert f"Could not write {bad}" in status["error"]
    assert status["labelled"] == 3
    assert not reactivate_if_done(place, job)


def test_a_later_request_of_the_job_gets_its_file_and_drops_the_failed_one(
    place, steps, job, bad, good
):
    request(steps, job, bad)
    request(steps, job, good)
    assert good.exists()
    assert states(place, steps.context.board, job) == ("done",) * 4
    status = job_details(place, None, job)
    assert (status["error"], status["files"]) == (None, [str(good)])
    assert reactivate_if_done(place, job)


def test_each_file_is_tried_and_an_earlier_one_that_failed_is_reported_by_a_done_job(
    place, steps, job, bad, good, tmp_path
):
    first = tmp_path / "first.jsonl"
    request(steps, job, first, bad, good)
    assert first.exists()
    assert good.exists()
    assert states(place, steps.context.board, job) == ("done",) * 4
    assert f"Could not write {bad}" in job_details(place, None, job)["error"]
    assert recorded_state(place, job.id).end.files_not_written == (str(bad),)
    assert reactivate_if_done(place, job)


def test_files_before_one_that_cannot_be_written_are_there_though_the_job_failed(
    place, steps, job, bad, good
):
    request(steps, job, good, bad)
    assert good.exists()
    assert states(place, steps.context.board, job) == ("failed",) * 4


def test_an_earlier_request_made_again_is_the_latest_one(place, steps, job, bad, good):
    request(steps, job, bad, good)
    request(steps, job, bad)
    assert [each.url for each in requested_files(place, job.id)] == [str(good), str(bad)]
    assert recorded_state(place, job.id).end.status == "failed"


def test_a_resumed_job_tries_the_failed_file_again(place, steps, job, bad):
    request(steps, job, bad)
    scored = len(steps.scored)
    bad.parent.unlink()
    start_job(steps.context, job)
    steps.drain()
    assert bad.exists()
    assert states(place, steps.context.board, job) == ("done",) * 4
    assert len(steps.scored) == scored


def test_a_root_of_the_version_before_whose_file_failed_has_a_way_out(place, steps, job, bad, good):
    request(steps, job, bad)
    write_end(place, job.id, JobEnd(status="failed", error="Could not write it."))
    request(steps, job, good)
    assert good.exists()
    assert recorded_state(place, job.id).is_done


def test_a_failed_file_of_two_jobs_is_dropped_from_both(place, steps, job, bad, good):
    out = place.url_of(default_folder("acme", "job2"))
    other = store_job(place, store_dataset(place, ["fine", "late again", "x"]), id="job2", out=out)
    for file in (bad, good):
        request_file(place, [job.id, other.id], str(file))
        start_job(steps.context, job)
        start_job(steps.context, other)
        steps.drain()
    assert good.exists()
    for each in (job, other):
        assert [file.url for file in requested_files(place, each.id)] == [str(good)]
        assert recorded_state(place, each.id).is_done


def test_the_log_has_one_line_for_a_file_and_no_traceback(steps, job, bad, good, caplog):
    with caplog.at_level(logging.WARNING):
        request(steps, job, bad, good)
    [record] = caplog.records
    assert f"Could not write {bad}" in record.getMessage()
    assert record.exc_info is None
    assert record.job == job.id


def test_a_request_made_while_files_are_written_is_tried_too(
    place, steps, job, good, tmp_path, monkeypatch
):
    late, export = tmp_path / "late.csv", write_export.export_to_url

    def export_and_request(*arguments):
        export(*arguments)
        request_file(place, [job.id], str(late))

    monkeypatch.setattr(write_export, "export_to_url", export_and_request)
    request(steps, job, good)
    assert late.exists()
    assert recorded_state(place, job.id).is_done


@pytest.mark.parametrize("is_latest", [False, True])
def test_storage_that_is_unavailable_fails_no_latest_file_and_stops_no_other(
    place, steps, job, good, tmp_path, monkeypatch, is_latest
):
    gone, export = tmp_path / "gone.csv", write_export.export_to_url

    def export_unless_gone(place, table, jobs, url, *more):
        if url == str(gone):
            raise StorageUnavailable(url, "no answer", tries=3, seconds=1)
        export(place, table, jobs, url, *more)

    monkeypatch.setattr(write_export, "export_to_url", export_unless_gone)
    if not is_latest:
        request(steps, job, gone, good)
        assert recorded_state(place, job.id).end.files_not_written == (str(gone),)
    else:
        with pytest.raises(StorageUnavailable):
            request(steps, job, gone, good, gone)
        assert recorded_state(place, job.id).is_open
        assert job_details(place, None, job)["status"] == "incomplete"
    assert good.exists()


@pytest.mark.parametrize("status", ["failed", "cancelled", "interrupted"])
def test_a_job_that_was_stopped_after_its_last_part_is_not_done(place, steps, job, status):
    request(steps, job)
    stop_job(steps.context, job, status, "why")
    details = job_details(place, steps.context.board, job)
    assert (details["status"], details["error"]) == (status, "why")


def test_a_file_that_may_not_be_looked_at_is_missing(place, steps, job, good, monkeypatch):
    request(steps, job, good)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(LocalPlace, "exists", refuse)
    assert is_latest_missing(place, job.id)


def test_an_end_without_failed_files_is_stored_as_before():
    assert b"files_not_written" not in JobEnd(status="done").encode()
