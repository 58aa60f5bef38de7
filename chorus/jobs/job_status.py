"""The status of one job as an object of JSON: by storage, and by the board for a running job."""

import time
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import RedisError

from chorus.feedback.reject_reasons import nothing_labelled, reject_reasons
from storage.errors import ChorusError
from storage.places.place import Place
from storage.records.exported_files import is_latest_missing, requested_files
from storage.records.feedback import Dataset, read_dataset
from storage.records.forecasts import read_forecast
from storage.records.job_state import JobState
from storage.records.jobs import Job, JobEnd, Startup, read_end
from storage.records.labelled_output import Manifest, read_output
from tasks.board.board import Board
from tasks.board.job_facts import Progress, rows_in_chunks
from tasks.board.publish_progress import published_parts
from tasks.jobs.startup_timing import read_startup
from tasks.planning.stored_work import read_work_of_job

SUMMARY_FIELDS = ("job", "customer", "status", "rows", "labelled", "rejected", "submitted_at")

T = TypeVar("T")


def job_status(place: Place, board: Board | None, job: Job) -> dict[str, object]:
    """Return a job's status, rows, and while it runs its rate and the seconds left.

    Raises Absent, BadRecord.
    """
    dataset = read_dataset(place, job.customer, job.dataset)
    progress, (manifest, complete) = _progress(board, job), read_output(job.output)
    state = JobState(read_end(place, job.id), complete)
    stored = read_work_of_job(place, job.id).progress()
    labelled = manifest.rows_labelled if manifest else rows_in_chunks(stored.parts, dataset)
    status, error = _status_and_error(place, job, state, progress)
    if status == "done" and manifest is not None and not manifest.rows_labelled:
        nothing = nothing_labelled(manifest.rows_in, reject_reasons(dataset, manifest))
        error = f"{nothing}\n{error}" if error else nothing
    rate = _rows_per_second(board, job, dataset, labelled) if status == "running" else None
    return {
        "job": job.id,
        "customer": job.customer,
        "status": status,
        "error": error or None,
        "priority": job.priority,
        "rows": dataset.rows,
        "labelled": labelled,
        "rejected": manifest.rows_rejected if manifest else dataset.rejected,
        "rows_per_second": rate and round(rate, 1),
        "seconds_left": rate and round((dataset.rows - labelled) / rate, 1),
        "models": {
            f"{model.name} {model.version}": rows_in_chunks(stored.scored[model.name], dataset)
            for model in job.models
        },
        "output": job.out,
        "results": _results(board, job, manifest),
        "submitted_at": job.submitted_at.isoformat(),
    }


def job_summary(place: Place, board: Board | None, job: Job) -> dict[str, object]:
    """Return the status for a list of jobs: one that cannot be read is `unreadable`."""
    try:
        return job_status(place, board, job)
    except ChorusError as error:
        return dict.fromkeys(SUMMARY_FIELDS) | {
            "job": job.id,
            "customer": job.customer,
            "submitted_at": job.submitted_at.isoformat(),
            "status": "unreadable",
            "error": str(error),
        }


def job_details(place: Place, board: Board | None, job: Job) -> dict[str, object]:
    """Return the status with the forecast, the seconds it took, and the way to the first part."""
    status, end = job_status(place, board, job), read_end(place, job.id)
    forecast, startup = read_forecast(place, job.id), _startup(end, board, job)
    return status | {
        "files": [file.url for file in requested_files(place, job.id)] or None,
        "expected_seconds": forecast and round(forecast.seconds, 1),
        "seconds": round(end.seconds, 1) if end is not None and end.seconds is not None else None,
        "first_part_seconds": startup.first_part,
        "first_scores": {model: stages.model_dump() for model, stages in startup.models.items()},
    }


def _status_and_error(
    place: Place, job: Job, state: JobState, progress: Progress | None
) -> tuple[str, str]:
    """Storage decides; the board knows more of an open job.

    An open job whose output is complete is done, unless results or a file are still to come.
    """
    if state.end is not None and (state.is_done or state.is_stopped):
        return state.end.status, state.end.error
    is_complete = state.is_labelled and job.results is None
    if is_complete and not is_latest_missing(place, job.id):
        return "done", ""
    if progress is not None and progress.status != "done":
        return progress.status, progress.error or ""
    return "incomplete", ""


def _rows_per_second(
    board: Board | None, job: Job, dataset: Dataset, labelled: int
) -> float | None:
    """The rate since the job arrived, new or again: rows labelled before that do not count."""
    arrival = _unless_unreachable(lambda: board.arrival(job.id)) if board else None
    if arrival is None:
        return None
    rows = labelled - rows_in_chunks(arrival.parts, dataset)
    seconds = time.time() - arrival.since
    return rows / seconds if rows > 0 and seconds > 0 else None


def _results(board: Board | None, job: Job, manifest: Manifest | None) -> str | None:
    """The topic of a job that has one, and how many of its parts are published."""
    if job.results is None or manifest is None or board is None:
        return job.results
    published = _unless_unreachable(lambda: published_parts(board, job.id))
    if published is None:
        return job.results
    parts = len(manifest.parts) + len(manifest.rejected_parts)
    return f"{job.results}: {published} of {parts} parts published"


def _startup(end: JobEnd | None, board: Board | None, job: Job) -> Startup:
    """Stored with a job that is done; on the board before that."""
    if end is not None and end.beginning is not None:
        return end.beginning
    if board is None:
        return Startup()
    return _unless_unreachable(lambda: read_startup(board, job.id)) or Startup()


def _progress(board: Board | None, job: Job) -> Progress | None:
    if board is None:
        return None
    return _unless_unreachable(lambda: board.progress(job.id, job.model_names))


def _unless_unreachable(read: Callable[[], T]) -> T | None:
    """Return what `read` returns; None if the broker is unreachable, as storage decides."""
    try:
        return read()
    except RedisError:
        return None
