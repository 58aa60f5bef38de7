"""Remove the feedback of one dataset, with the labels and jobs that belong to it alone.

The record dataset.json goes first: from then on no reader finds the dataset, and whatever a crash
leaves of it is removed by the same request again, or replaced when the same file is uploaded again.
Chunks of later datasets that reuse its scores look for it, do not find it, and are scored.
"""

from dataclasses import dataclass

from storage.errors import BadRequest
from storage.places.place import Absent, Place
from storage.records import feedback, labelled_output
from storage.records.exported_files import forget_requested_files
from storage.records.job_state import recorded_state
from storage.records.jobs import Job, JobEnd, all_jobs, write_end
from storage.records.runs import open_runs
from storage.records.sketch import remove_sketches
from storage.versions.active_labels import deactivate_labels
from tasks.jobs.activate_labels import has_default_output


class FeedbackInUse(BadRequest):
    """Feedback that cannot be removed, because a job or a run has still to read it."""

    def __init__(self, dataset: str, users: list[str]) -> None:
        self.dataset, self.users = dataset, users
        super().__init__(
            f"Dataset {dataset} was not removed, because it is needed by {', '.join(users)}. Wait "
            "until that has ended, or stop it with `chorus cancel`."
        )


@dataclass(frozen=True)
class FeedbackUse:
    """The jobs that label a dataset, and those of them and of the runs that have not ended."""

    jobs: tuple[Job, ...]
    open: tuple[str, ...]  # as an error names them


def feedback_use(place: Place, customer: str, dataset: str) -> FeedbackUse:
    """Return which jobs and open runs need the dataset. Raises BadRecord, BadName."""
    jobs = tuple(
        job for job in all_jobs(place) if (job.customer, job.dataset) == (customer, dataset)
    )
    open_jobs = [f"job {job.id}" for job in jobs if recorded_state(place, job.id).is_open]
    runs = [
        f"run {customer}/{run.name}"
        for run in open_runs(place, customer)
        if any(one.dataset == dataset for one in run.jobs)
    ]
    return FeedbackUse(jobs, (*open_jobs, *runs))


def remove_feedback(place: Place, customer: str, dataset: str) -> FeedbackUse:
    """Remove the dataset; return the jobs that labelled it. Raises FeedbackInUse, CannotWrite.

    Each step may be repeated. Scores stay: they hold no text, and belong to all equal texts. So do
    labels that were written to `--out`.
    """
    _check_unused(place, customer, dataset)
    path = feedback.dataset_path(customer, dataset)
    try:
        record = place.read(path)
    except Absent:  # an earlier removal was interrupted
        record = None
    place.remove(path)
    try:
        use = _check_unused(place, customer, dataset)  # a job may have been submitted meanwhile
    except FeedbackInUse:
        if record is not None:
            place.create(path, record, durable=True)
        raise
    deactivate_labels(place, customer, dataset)
    for job in use.jobs:
        if has_default_output(place, job):
            for file in (labelled_output.SUCCESS, labelled_output.MANIFEST):
                job.output.remove(file)  # without these no process uses the parts
            job.output.clear("")
        # else the same upload, labelled again, would write files that the caller has removed, too
        forget_requested_files(place, job.id)
        write_end(place, job.id, JobEnd(status="removed"))  # last: no further request finds the job
    remove_sketches(place, customer, dataset)
    place.clear(feedback.folder(customer, dataset))
    return use


def _check_unused(place: Place, customer: str, dataset: str) -> FeedbackUse:
    use = feedback_use(place, customer, dataset)
    if use.open:
        raise FeedbackInUse(dataset, list(use.open))
    return use
