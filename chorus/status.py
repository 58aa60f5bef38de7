"""`chorus status`: what storage says, and what the board knows on top of it."""

import json
from datetime import UTC, datetime

from redis.exceptions import RedisError

from chorus.jobs import find_job
from chorus.local import service_broker
from chorus.progress import rows_of
from chorus.settings import Settings
from chorus.show import print_table
from storage import jobs
from storage.feedback import read_dataset
from storage.jobs import Job
from storage.labelled import read_manifest
from storage.place import Place, place_at
from tasks.board import Board, Progress, key_prefix
from tasks.reconcile import stored_progress


def show_status(settings: Settings, job: str | None, as_json: bool) -> None:
    """Print one job or all. Raises NoSuchJob."""
    place = place_at(settings.home)
    broker = service_broker(settings)
    board = Board(broker.client(), key_prefix(place)) if broker else None
    if job is None:
        found = [_state(place, board, one) for one in jobs.all_jobs(place)]
        if as_json:
            print(json.dumps({"jobs": found}))
        else:
            header = ("job", "customer", "status", "rows", "labelled", "rejected", "submitted_at")
            print_table(header, [[one[name] for name in header] for one in found])
        return
    one = _state(place, board, find_job(place, job))
    if as_json:
        print(json.dumps(one))
    else:
        print_table(("", ""), [(name, _line(value)) for name, value in one.items() if value not in (None, {})])


def _line(value: object) -> str:
    return ", ".join(f"{key} {found}" for key, found in value.items()) if isinstance(value, dict) else str(value)


def _state(place: Place, board: Board | None, job: Job) -> dict[str, object]:
    """One job: rows, and where it runs its rate and the time left."""
    dataset = read_dataset(place, job.customer, job.dataset)
    progress = _progress(board, job)
    manifest = read_manifest(job.output)
    complete = manifest is not None
    stored = stored_progress(place, job.id)
    done = manifest.rows_labelled if manifest else rows_of(stored.parts, dataset)
    status = "done" if complete else progress.status if progress else "incomplete"
    seconds = (datetime.now(UTC) - job.submitted_at).total_seconds()
    rate = done / seconds if status == "running" and done and seconds > 0 else None
    return {
        "job": job.id,
        "customer": job.customer,
        "status": status,
        "error": progress.error if progress and not complete else None,
        "rows": dataset.rows,
        "labelled": done,
        "rejected": manifest.rows_rejected if manifest else dataset.rejected,
        "rows_per_second": rate and round(rate, 1),
        "seconds_left": rate and round((dataset.rows - done) / rate, 1),
        "models": {
            f"{model.name} {model.version}": rows_of(stored.scored[model.name], dataset) for model in job.models
        },
        "output": job.out,
        "submitted_at": job.submitted_at.isoformat(),
    }


def _progress(board: Board | None, job: Job) -> Progress | None:
    """None where there is no board, or where it cannot be asked: storage has the answer that counts."""
    try:
        return board.progress(job.id, [model.name for model in job.models]) if board else None
    except RedisError:
        return None
