"""The state of a job by storage: the one answer to "is the job done?".

It follows from the job's end record and from whether its output is complete. The board knows the
progress of an open job; whether the job is done, storage decides.
"""

from dataclasses import dataclass

from storage.errors import ChorusError
from storage.places.concurrent import run_both
from storage.places.place import Place
from storage.records import jobs, labelled_output
from storage.records.jobs import Job, JobEnd


@dataclass(frozen=True)
class JobState:
    """A job's end record, and whether its output is complete."""

    end: JobEnd | None  # None: the job is open
    complete: bool | None = None  # `labelled_output.is_complete`; None: not read, trust `end`

    @property
    def is_open(self) -> bool:
        """Whether the job has not ended: workers continue it without a request."""
        return self.end is None

    @property
    def is_done(self) -> bool:
        """Whether the job ended as done, and its output was not removed since."""
        return self.end is not None and self.end.status == "done" and self.complete is not False

    @property
    def is_labelled(self) -> bool:
        """Whether all labels of the job are written, though it may be open or stopped.

        For example, a job with a topic is open until its labels are published.
        """
        if self.end is not None and self.end.status in ("done", "removed"):
            return self.is_done
        return self.complete is True

    @property
    def is_stopped(self) -> bool:
        """Whether the job failed, was cancelled, was interrupted, or its labels were removed."""
        return self.end is not None and self.end.status != "done"


def recorded_state(place: Place, job: str) -> JobState:
    """Read only a job's end record, in one operation. Raises BadRecord."""
    return JobState(jobs.read_end(place, job))


def checked_state(place: Place, job: Job) -> JobState:
    """Read a job's end record and whether its output is complete. Raises BadRecord."""
    end, complete = run_both(
        place,
        lambda: jobs.read_end(place, job.id),
        lambda: labelled_output.is_complete(job.output),
    )
    return JobState(end, complete)


def labelled_state(place: Place, job: str) -> JobState:
    """Read what decides `is_labelled`: the output only of a job that is open or was stopped.

    A job with a missing or damaged record or manifest counts as not complete. Raises BadRecord for
    a damaged end.
    """
    state = recorded_state(place, job)
    if state.end is not None and state.end.status in ("done", "removed"):
        return state
    try:
        return JobState(state.end, labelled_output.is_complete(jobs.read_job(place, job).output))
    except ChorusError:
        return JobState(state.end, complete=False)
