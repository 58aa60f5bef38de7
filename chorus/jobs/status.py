"""`chorus status`: what storage says, and what the board knows on top of it."""

import json
import time
from collections import Counter
from collections.abc import Sequence

from redis.exceptions import RedisError
from rich.console import Console

from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.jobs.lookup import find_job
from chorus.service.connection import board_of_service
from storage.errors import ChorusError
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records import jobs
from storage.records.feedback import Dataset, customers, read_dataset
from storage.records.forecasts import read_forecast
from storage.records.job_state import JobState, recorded_state
from storage.records.jobs import Job, Startup
from storage.records.labelled_output import Manifest, read_manifest
from storage.records.runs import Run, open_runs
from tasks.board.board import Board, Progress
from tasks.board.bridge_roster import Bridge, BridgeRoster
from tasks.board.job_facts import rows_in_chunks
from tasks.board.publish_progress import published_parts
from tasks.board.roster import Roster, Worker
from tasks.jobs.startup_timing import beginning
from tasks.planning.demand import Demand, demand
from tasks.planning.stored_work import read_work_of_job

_WATCH_SECONDS = 1.0
_JOB = ("job", "customer", "status", "rows", "labelled", "rejected", "submitted_at")
_STAGES = ("waiting", "starting", "loading", "scoring")
_STATES = ("starting", "busy", "idle", "stopping")


def show_status(settings: Settings, job: str | None, *, as_json: bool, watch: bool) -> None:
    """Print one job, or all jobs and models; with `watch` again and again, one job until it ends.
    Raises NoSuchJob.
    """
    place = open_place(settings.home)
    board = board_of_service(settings, place)
    if job is not None:
        find_job(place, job)
    while True:
        found = _one(place, board, job) if job else _all(place, board)
        if watch and not as_json:
            Console().clear()
        if as_json:
            print(json.dumps(found), flush=True)
        elif job:
            _print_one(found)
        else:
            _print_all(found)
        if not watch or (job and found["status"] != "running"):
            return
        time.sleep(_WATCH_SECONDS)


def _all(place: Place, board: Board | None) -> dict[str, object]:
    return {
        "jobs": [_listed(place, board, one) for one in jobs.all_jobs(place)],
        "runs": [
            _run(place, run) for customer in customers(place) for run in open_runs(place, customer)
        ],
        "models": _models(place, board),
        "bridges": _bridges(board),
    }


def _run(place: Place, run: Run) -> dict[str, object]:
    """One that goes on."""
    done = [each for each in run.jobs if recorded_state(place, each.job).is_done]
    return {
        "run": f"{run.customer}/{run.name}",
        "jobs": len(run.jobs),
        "done": len(done),
        "started_at": f"{run.started_at:%Y-%m-%dT%H:%M:%S%z}",
    }


def _listed(place: Place, board: Board | None, job: Job) -> dict[str, object]:
    """One that cannot be read does not keep the others from being listed."""
    try:
        return _state(place, board, job)
    except ChorusError as error:
        known = {
            "job": job.id,
            "customer": job.customer,
            "submitted_at": job.submitted_at.isoformat(),
        }
        return dict.fromkeys(_JOB) | known | {"status": "unreadable", "error": str(error)}


def _one(place: Place, board: Board | None, name: str) -> dict[str, object]:
    job = find_job(place, name)
    found = _state(place, board, job)
    began, end, forecast = (
        _beginning(place, board, job),
        jobs.read_end(place, job.id),
        read_forecast(place, job.id),
    )
    return found | {
        "expected_seconds": forecast and round(forecast.seconds, 1),
        "seconds": round(end.seconds, 1) if end is not None and end.seconds is not None else None,
        "first_part_seconds": began.first_part,
        "first_scores": {model: stages.model_dump() for model, stages in began.models.items()},
    }


def _print_all(found: dict[str, object]) -> None:
    table: Sequence[dict[str, object]] = found["jobs"]  # type: ignore[assignment]  # as _all has it
    print_table(_JOB, [["" if one[name] is None else one[name] for name in _JOB] for one in table])
    for kind in ("runs", "models", "bridges"):
        rows: Sequence[dict[str, object]] = found[kind]  # type: ignore[assignment]  # as _all has it
        if rows:
            print()
            print_table(
                tuple(rows[0]),
                [["" if value is None else value for value in one.values()] for one in rows],
            )


def _print_one(found: dict[str, object]) -> None:
    shown = {
        name: value
        for name, value in found.items()
        if value not in (None, {}) and name != "first_scores"
    }
    print_table(("", ""), [(name, _line(value)) for name, value in shown.items()])
    first: dict[str, dict[str, float]] = found["first_scores"]  # type: ignore[assignment]  # as _one has it
    if first:
        print()
        rows = [
            (model, *(round(stages[name], 2) for name in _STAGES))
            for model, stages in first.items()
        ]
        print_table(("seconds to the first scores", *_STAGES), rows)


def _line(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return (
        ", ".join(f"{key} {found}" for key, found in value.items())
        if isinstance(value, dict)
        else str(value)
    )


def _state(place: Place, board: Board | None, job: Job) -> dict[str, object]:
    """One job: rows, and where it runs its rate and the time left."""
    dataset = read_dataset(place, job.customer, job.dataset)
    progress, manifest = _progress(board, job), read_manifest(job.output)
    state = JobState(jobs.read_end(place, job.id), complete=manifest is not None)
    stored = read_work_of_job(place, job.id).progress()
    done = manifest.rows_labelled if manifest else rows_in_chunks(stored.parts, dataset)
    rate = None
    if state.is_done or (state.is_labelled and job.results is None):
        status, error = "done", ""
    elif state.end is not None and state.is_stopped:
        status, error = state.end.status, state.end.error
    elif progress is not None and progress.status != "done":
        status, error = progress.status, progress.error or ""
        rate = _rate(board, job, dataset, done) if status == "running" else None
    else:
        status, error = "incomplete", ""
    return {
        "job": job.id,
        "customer": job.customer,
        "status": status,
        "error": error or None,
        "priority": job.priority,
        "rows": dataset.rows,
        "labelled": done,
        "rejected": manifest.rows_rejected if manifest else dataset.rejected,
        "rows_per_second": rate and round(rate, 1),
        "seconds_left": rate and round((dataset.rows - done) / rate, 1),
        "models": {
            f"{model.name} {model.version}": rows_in_chunks(stored.scored[model.name], dataset)
            for model in job.models
        },
        "output": job.out,
        "results": _results(board, job, manifest),
        "submitted_at": job.submitted_at.isoformat(),
    }


def _rate(board: Board | None, job: Job, dataset: Dataset, done: int) -> float | None:
    """Rows a second since the job arrived, or was taken up again: what was labelled before that
    came for nothing.
    """
    arrival = board.arrival(job.id) if board else None
    if arrival is None:
        return None
    fresh, seconds = done - rows_in_chunks(arrival.parts, dataset), time.time() - arrival.since
    return fresh / seconds if fresh > 0 and seconds > 0 else None


def _results(board: Board | None, job: Job, manifest: Manifest | None) -> str | None:
    """The topic, and how far it is, of a job that has one."""
    if job.results is None or manifest is None:
        return job.results
    try:
        parts = published_parts(board, job.id) if board else None
    except RedisError:
        parts = None
    of = len(manifest.parts) + len(manifest.rejected_parts)
    return job.results if parts is None else f"{job.results}: {parts} of {of} parts published"


def _bridges(board: Board | None) -> list[dict[str, object]]:
    """Every process that takes messages in."""
    try:
        return [_bridge(one) for one in BridgeRoster(board).all()] if board else []
    except RedisError:
        return []


def _bridge(one: Bridge) -> dict[str, object]:
    return {
        "bridge": one.id,
        "subscription": one.subscription,
        "state": one.state,
        "for, s": round(time.time() - one.since),
        "messages held": one.held,
        "error": one.error or None,
    }


def _models(place: Place, board: Board | None) -> list[dict[str, object]]:
    """Every model that is wanted or has workers: what is asked of it, and who is there."""
    if board is None:
        return []
    try:
        workers = [worker for worker in Roster(board).workers() if worker.model]
        wanted = demand(place, board, {worker.model for worker in workers})
    except RedisError:
        return []
    return [
        _model(one, [worker for worker in workers if worker.model == one.model]) for one in wanted
    ]


def _model(wanted: Demand, workers: Sequence[Worker]) -> dict[str, object]:
    states: Counter[str] = Counter(worker.state for worker in workers)
    return {
        "model": wanted.model,
        "rows waiting": wanted.rows,
        "urgent": wanted.urgent,
        "nightly": wanted.nightly,
        "oldest, s": round(time.time() - wanted.oldest, 1) if wanted.rows else None,
        "rows/s a worker": round(wanted.rate, 1),
        "MB a worker": wanted.memory // 10**6,
        **{state: states[state] for state in _STATES},
    }


def _beginning(place: Place, board: Board | None, job: Job) -> Startup:
    """Kept with a job that is done; on the board before that."""
    ended = jobs.read_end(place, job.id)
    if ended is not None and ended.beginning is not None:
        return ended.beginning
    try:
        return beginning(board, job.id) if board else Startup()
    except RedisError:
        return Startup()


def _progress(board: Board | None, job: Job) -> Progress | None:
    """None where there is no board, or where it cannot be asked: storage has the answer that
    counts.
    """
    try:
        return board.progress(job.id, [model.name for model in job.models]) if board else None
    except RedisError:
        return None
