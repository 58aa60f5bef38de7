"""`chorus status`: one job, or all jobs, open runs, models, bridges and mistakes in files."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from chorus.common.configuration import configuration_mistakes
from chorus.common.console import clear_screen, print_json, print_line
from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.jobs.job_selection import JobSelection, select_jobs
from chorus.jobs.job_status import SUMMARY_FIELDS, job_details, job_summary
from chorus.jobs.lookup import find_job
from chorus.jobs.service_status import bridge_statuses, model_statuses
from chorus.service.connection import board_of_service
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import customers
from storage.records.job_state import recorded_state
from storage.records.runs import Run, open_runs
from tasks.board.board import Board

_WATCH_SECONDS = 1.0
_STARTUP_STAGES = ("waiting", "starting", "loading", "scoring")

Object = Mapping[str, Any]  # of JSON


def show_status(
    settings: Settings, job: str | None, selection: JobSelection, *, as_json: bool, watch: bool
) -> None:
    """Print one job, or the selected jobs, and runs, models and bridges.

    With `watch` every second: one job until it ends, else until interrupted. Raises NoSuchJob.
    """
    place = open_place(settings.home)
    board = board_of_service(settings, place)
    while True:
        status = (
            job_details(place, board, find_job(place, job))
            if job
            else _overview(place, board, selection)
        )
        if watch and not as_json:
            clear_screen()
        if as_json:
            print_json(status)
        elif job:
            _print_job(status)
        else:
            _print_overview(status)
        if not watch or (job and status["status"] != "running"):
            return
        time.sleep(_WATCH_SECONDS)


def _overview(place: Place, board: Board | None, selection: JobSelection) -> dict[str, object]:
    names = selection.customers or customers(place)
    runs = (run for customer in names for run in open_runs(place, customer))
    jobs, hidden = select_jobs(place, selection, partial(job_summary, place, board))
    return {
        "jobs": jobs,
        "jobs_not_shown": hidden,
        "runs": [_run_status(place, run) for run in runs],
        "models": model_statuses(place, board),
        "bridges": bridge_statuses(board),
        "mistakes": configuration_mistakes(place),
    }


def _run_status(place: Place, run: Run) -> dict[str, object]:
    done = [each for each in run.jobs if recorded_state(place, each.job).is_done]
    return {
        "run": f"{run.customer}/{run.name}",
        "jobs": len(run.jobs),
        "done": len(done),
        "started_at": f"{run.started_at:%Y-%m-%dT%H:%M:%S%z}",
    }


def _print_overview(status: Object) -> None:
    print_table(
        SUMMARY_FIELDS,
        [[_or_empty(job[name]) for name in SUMMARY_FIELDS] for job in status["jobs"]],
    )
    if status["jobs_not_shown"]:
        print_line(
            f"{status['jobs_not_shown']:,} more jobs have ended. --all shows them; --customer, "
            "--state and --since choose among them."
        )
    for kind in ("runs", "models", "bridges"):
        if rows := status[kind]:
            print_line()
            print_table(tuple(rows[0]), [[*map(_or_empty, row.values())] for row in rows])
    for mistake in status["mistakes"]:
        print_line(f"\nMistake in {mistake}")


def _or_empty(value: object) -> object:
    return "" if value is None else value


def _print_job(status: Object) -> None:
    rows = [
        (name, _cell(value))
        for name, value in status.items()
        if value not in (None, {}) and name != "first_scores"
    ]
    print_table(("", ""), rows, keep_lines=True)  # an error may have several
    if first_scores := status["first_scores"]:
        print_line()
        stage_rows = [
            (model, *(round(stages[name], 2) for name in _STARTUP_STAGES))
            for model, stages in first_scores.items()
        ]
        print_table(("seconds to the first scores", *_STARTUP_STAGES), stage_rows)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
