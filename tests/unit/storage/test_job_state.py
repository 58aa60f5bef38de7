"""The state of a job: is it done? One answer, from its end record and its output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.places.place import LocalPlace
from storage.records.job_state import JobState, checked_state, labelled_state, recorded_state
from storage.records.jobs import JobEnd, end_path, write_end
from storage.records.labelled_output import (
    MANIFEST,
    SUCCESS,
    is_complete,
    read_manifest,
    read_output,
)
from tests.support.runs.steps import Steps, store_dataset, store_job

STATUSES = ("done", "failed", "cancelled", "interrupted", "removed")
ENDS = st.none() | st.sampled_from(STATUSES).map(lambda status: JobEnd(status=status))
COMPLETE = st.sampled_from([True, False, None])


@given(ENDS, COMPLETE)
def test_a_job_is_exactly_one_of_open_stopped_and_ended_as_done(end, complete):
    state = JobState(end, complete)
    ended_as_done = end is not None and end.status == "done"
    assert [state.is_open, state.is_stopped, ended_as_done].count(True) == 1


@given(ENDS, COMPLETE)
def test_a_done_job_is_labelled_and_neither_open_nor_stopped(end, complete):
    state = JobState(end, complete)
    if state.is_done:
        assert state.is_labelled
        assert not state.is_open
        assert not state.is_stopped


@given(ENDS)
def test_a_job_without_complete_output_is_neither_done_nor_labelled(end):
    state = JobState(end, complete=False)
    assert not state.is_done
    assert not state.is_labelled


@pytest.mark.parametrize("status", ["failed", "cancelled", "interrupted"])
def test_a_stopped_job_may_be_labelled_but_is_not_done(status):
    state = JobState(JobEnd(status=status), complete=True)
    assert (state.is_labelled, state.is_done) == (True, False)


def test_a_job_whose_labels_were_removed_is_not_labelled():
    assert not JobState(JobEnd(status="removed"), complete=True).is_labelled


@pytest.fixture
def done_job(tmp_path, redis):
    place = LocalPlace(tmp_path / "home")
    job = store_job(place, store_dataset(place, ["a", "b", "c"]))
    steps = Steps(place, redis)
    steps.plan(job)
    steps.drain()
    return place, job


def test_every_way_to_read_the_state_says_that_a_finished_job_is_done(done_job):
    place, job = done_job
    for state in (
        recorded_state(place, job.id),
        checked_state(place, job),
        labelled_state(place, job.id),
    ):
        assert state.is_done
        assert state.is_labelled


def test_a_done_job_whose_output_was_removed_is_not_done_if_the_output_is_checked(done_job):
    place, job = done_job
    job.output.remove(MANIFEST)
    assert recorded_state(place, job.id).is_done
    assert not checked_state(place, job).is_done


@pytest.mark.parametrize("missing", [None, SUCCESS, MANIFEST, "part-00000.parquet"])
def test_the_manifest_and_completeness_are_the_same_read_together_or_alone(done_job, missing):
    _, job = done_job
    if missing is not None:
        job.output.remove(missing)
    manifest, complete = read_output(job.output)
    assert (manifest, complete) == (read_manifest(job.output), is_complete(job.output))
    assert (manifest is not None, complete) == (missing in (None, SUCCESS), missing is None)


def test_an_open_job_whose_labels_are_all_written_is_labelled(done_job):
    place, job = done_job
    place.remove(end_path(job.id))
    state = labelled_state(place, job.id)
    assert (state.is_open, state.is_labelled, state.is_done) == (True, True, False)


def test_a_stopped_job_without_its_record_is_not_labelled(tmp_path):
    place = LocalPlace(tmp_path / "home")
    write_end(place, "gone", JobEnd(status="failed", error="why"))
    state = labelled_state(place, "gone")
    assert (state.is_stopped, state.is_labelled) == (True, False)
