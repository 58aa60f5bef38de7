"""`chorus plan`: what a job or `chorus reprocess` would take. Nothing is started."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from chorus.common.configuration import check_configuration
from chorus.common.console import print_json, print_line
from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.jobs.lookup import find_job
from chorus.jobs.upload_request import UploadRequest, prepare_job
from chorus.reprocess.reprocess_runs import NothingStored
from chorus.service.connection import board_of_service
from chorus.service.job_forecast import forecast_jobs
from storage.names import is_name
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import Dataset
from storage.records.feedback import customers as all_customers
from storage.records.jobs import Job
from tasks.jobs.reprocess import build_jobs_of, build_run
from tasks.jobs.submit import check_output_free
from tasks.planning.forecast import JobForecast, ModelForecast
from tasks.planning.record_cache import dataset_of
from tasks.planning.stored_work import read_stored_work

_CHARS_PER_TOKEN = 4.3  # of English in the word pieces of BERT, without special tokens
_COLUMNS = (
    "model",
    "starts a worker",
    "cells to score",
    "cells there",
    "rows",
    "tokens, about",
    "processor s",
    "",
)


def plan_file_or_job(
    settings: Settings, file_or_job: str, customer: str, *, as_json: bool, **options: Any
) -> None:
    """Print what a file, which is stored, or a job would take. Raises ChorusError."""
    place = open_place(settings.home)
    if _is_job(place, file_or_job):
        check_configuration(place)
        job = find_job(place, file_or_job)
        dataset = dataset_of(place, job)
    else:
        request = UploadRequest(file=file_or_job, customer=customer, as_json=as_json, **options)
        job, dataset = prepare_job(settings, place, request)
        check_output_free(job)
    _print_forecast(job.id, _forecast(settings, place, [(job, dataset)]), as_json=as_json)


def plan_reprocess(
    settings: Settings, customers: Sequence[str], since: datetime | None, *, as_json: bool
) -> None:
    """Print what `chorus reprocess` would take for these customers, none named: all.

    Raises ChorusError.
    """
    place, now = open_place(settings.home), datetime.now(UTC)
    check_configuration(place)
    jobs: list[tuple[Job, Dataset]] = []
    for customer in dict.fromkeys(customers or all_customers(place)):
        run = build_run(place, customer, name="plan", since=since, now=now)
        if run is not None:
            jobs += [(job, dataset_of(place, job)) for job in build_jobs_of(place, run)]
    if not jobs:
        raise NothingStored(customers, all_customers(place))
    _print_forecast(None, _forecast(settings, place, jobs), as_json=as_json)


def _is_job(place: Place, name: str) -> bool:
    """Return whether a job has this name; a file of the name goes before it."""
    return is_name(name) and not Path(name).exists() and name in place.names("jobs")


def _forecast(settings: Settings, place: Place, jobs: Sequence[tuple[Job, Dataset]]) -> JobForecast:
    """Return the forecast by the board of a service, if one is reachable."""
    board = board_of_service(settings, place)
    works = read_stored_work(place, jobs, partial_sources=True)
    try:
        return forecast_jobs(settings, place, board, works)
    except RedisError:
        return forecast_jobs(settings, place, None, works)


def _print_forecast(job: str | None, forecast: JobForecast, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_object(job, forecast))
        return
    print_table(_COLUMNS, [_row(model) for model in forecast.models])
    name = f"Job {job}: " if job else ""
    print_line(f"\n{name}{forecast.rows:,} rows to label, in {forecast.parts:,} parts to write.")
    if not forecast.seconds:
        print_line("Nothing is left to do.")
        return
    basis = (
        "measured"
        if forecast.measured
        else "guessed in part: not all of these models were measured yet"
    )
    memory = f"{forecast.memory // 10**6:,} MB at the most"
    print_line(f"Expected: {forecast.seconds:,.0f} s, {memory} ({basis}).")
    if forecast.correction != 1:
        factor = f"{forecast.correction:.2f} times the calculated seconds"
        print_line(f"Earlier jobs here took {factor}; this is included.")


def _row(model: ModelForecast) -> tuple[object, ...]:
    missing, tokens = model.missing, _estimated_tokens(model)
    return (
        f"{missing.model.name} {missing.model.version}",
        "yes" if model.starts_worker else "no",
        missing.cells,
        missing.existing,
        missing.rows,
        "" if tokens is None else f"{tokens:,}",
        round(model.seconds, 1),
        "measured" if model.measured else "guessed",
    )


def _as_object(job: str | None, forecast: JobForecast) -> dict[str, object]:
    return {
        "job": job,
        "status": "planned",
        "models": [
            {
                "model": model.missing.model.name,
                "version": model.missing.model.version,
                "wakes": model.starts_worker,
                "cells_to_score": model.missing.cells,
                "cells_there": model.missing.existing,
                "rows": model.missing.rows,
                "tokens_estimated": _estimated_tokens(model),
                "device_seconds": round(model.seconds, 3),
                "measured": model.measured,
            }
            for model in forecast.models
        ],
        "rows": forecast.rows,
        "parts": forecast.parts,
        "seconds": round(forecast.seconds, 3),
        "memory": forecast.memory,
        "measured": forecast.measured,
        "correction": round(forecast.correction, 3),
        "cores": forecast.machine.cores,
        "service": forecast.machine.service,
    }


def _estimated_tokens(model: ModelForecast) -> int | None:
    """Return the tokens of the rows to score; None if some chunk does not know its characters."""
    chars = model.missing.chars
    return None if chars is None else round(chars / _CHARS_PER_TOKEN)
