"""The state of a job by storage: its end record, and whether its output is complete.

This is the one answer to "is the job done?". The board may know more of a running job; storage
decides.
"""

from dataclasses import dataclass

from storage.errors import ChorusError
from storage.places.concurrent import run_both
from storage.places.place import Place
from storage.records import jobs, labelled_output
from storage.records.jobs import Job, JobEnd


@dataclass(frozen=True)
class JobState:
    """A job's end record, and whether its output is complete.

    `end` is its ended.json; None while the job is open. `complete`: whether the manifest, every
    listed file and `_SUCCESS` exist; None where that was not read, and then the end is trusted.
    """

    end: JobEnd | None
    complete: bool | None = None

    @property
    def is_open(self) -> bool:
        """Whether the job continues by itself."""
        return self.end is None

    @property
    def is_done(self) -> bool:
        """Whether the job ended as done, and its output was not removed since."""
        return self.end is not None and self.end.status == "done" and self.complete is not False

    @property
    def is_labelled(self) -> bool:
        """Whether all of its labels are written, though it may be open or stopped.

        A job with a topic has its labels before its results are published.
        """
        if self.end is not None and self.end.status in ("done", "removed"):
            return self.is_done
        return self.complete is True

    @property
    def is_stopped(self) -> bool:
        """Whether the job failed, was cancelled, was interrupted, or its labels were removed."""
        return self.end is not None and self.end.status != "done"


def recorded_state(place: Place, job: str) -> JobState:
    """Read a job's end record alone: one operation. Raises BadRecord."""
    return JobState(jobs.read_end(place, job))


def checked_state(place: Place, job: Job) -> JobState:
    """Read a job's end record, and whether its output is complete. Raises BadRecord."""
    end, complete = run_both(
        place,
        lambda: jobs.read_end(place, job.id),
        lambda: labelled_output.is_complete(job.output),
    )
    return JobState(end, complete)


def labelled_state(place: Place, job: str) -> JobState:
    """Read as little as says whether a job is labelled: its output only where its end does not say.

    A job whose record is missing or damaged is not complete. Raises BadRecord for a damaged end.
    """
    state = recorded_state(place, job)
    if state.end is not None and state.end.status in ("done", "removed"):
        return state
    try:
        return JobState(state.end, labelled_output.is_complete(jobs.read_job(place, job).output))
    except ChorusError:
        return JobState(state.end, complete=False)
