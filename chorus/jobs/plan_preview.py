"""`chorus plan`: which models would wake, what they would score, how long it would take. Nothing is
started.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError
from rich.console import Console

from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.jobs.lookup import find_job
from chorus.jobs.upload_request import UploadRequest, describe_upload
from chorus.reprocess.reprocess_runs import NothingStored
from chorus.service.connection import board_of_service
from chorus.service.job_forecast import outlook_for
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

_CHARS_A_TOKEN = 4.3  # of English in the word pieces of BERT, special tokens left out


def plan_file_or_job(
    settings: Settings, what: str, customer: str, *, as_json: bool, **how: Any
) -> None:
    """Print what a job would take: an upload's, which is taken in, or one that is there. Raises
    ChorusError.
    """
    place = open_place(settings.home)
    if _is_job(place, what):
        job = find_job(place, what)
        dataset = dataset_of(place, job)
    else:
        asked = UploadRequest(file=what, customer=customer, as_json=as_json, **how)
        job, dataset = describe_upload(settings, place, asked, Console(stderr=True))
        check_output_free(job)
    _show(job.id, _ahead(settings, place, [(job, dataset)]), as_json=as_json)


def plan_reprocess(
    settings: Settings, customers: Sequence[str], since: datetime | None, *, as_json: bool
) -> None:
    """Print what `chorus reprocess` would take for these customers, none named: all. Raises
    ChorusError.
    """
    place, now = open_place(settings.home), datetime.now(UTC)
    found: list[tuple[Job, Dataset]] = []
    for customer in dict.fromkeys(customers or all_customers(place)):
        run = build_run(place, customer, name="plan", since=since, now=now)
        found += (
            [(job, dataset_of(place, job)) for job in build_jobs_of(place, run)]
            if run is not None
            else []
        )
    if not found:
        raise NothingStored(customers, all_customers(place))
    _show(None, _ahead(settings, place, found), as_json=as_json)


def _is_job(place: Place, what: str) -> bool:
    """A file goes first: nobody names one like a job by accident."""
    return is_name(what) and not Path(what).exists() and what in place.names("jobs")


def _ahead(settings: Settings, place: Place, found: Sequence[tuple[Job, Dataset]]) -> JobForecast:
    """With what the board of a service knows, if there is one that answers."""
    board = board_of_service(settings, place)
    works = read_stored_work(place, found, partial_sources=True)
    try:
        return outlook_for(settings, place, board, works)
    except RedisError:
        return outlook_for(settings, place, None, works)


def _show(job: str | None, found: JobForecast, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_summary(job, found)))
        return
    print_table(_COLUMNS, [_row(model) for model in found.models])
    print(
        f"\n{f'Job {job}: ' if job else ''}{found.rows:,} rows to label, in {found.parts:,} parts to write."
    )
    if not found.seconds:
        print("Nothing is left to do.")
        return
    basis = (
        "measured"
        if found.measured
        else "guessed in part: not all of these models were measured yet"
    )
    print(f"Expected: {found.seconds:,.0f} s, {found.memory // 10**6:,} MB at the most ({basis}).")
    if found.correction != 1:
        print(
            f"Earlier jobs here took {found.correction:.2f} times what was calculated; that is in it."
        )


_COLUMNS = (
    "model",
    "wakes",
    "cells to score",
    "cells there",
    "rows",
    "tokens, about",
    "processor s",
    "",
)


def _row(model: ModelForecast) -> tuple[object, ...]:
    one = model.missing
    tokens = _tokens(model)
    return (
        f"{one.model.name} {one.model.version}",
        "yes" if model.wakes else "no",
        one.cells,
        one.existing,
        one.rows,
        "" if tokens is None else f"{tokens:,}",
        round(model.seconds, 1),
        "measured" if model.measured else "guessed",
    )


def _summary(job: str | None, found: JobForecast) -> dict[str, object]:
    return {
        "job": job,
        "status": "planned",
        "models": [
            {
                "model": model.missing.model.name,
                "version": model.missing.model.version,
                "wakes": model.wakes,
                "cells_to_score": model.missing.cells,
                "cells_there": model.missing.existing,
                "rows": model.missing.rows,
                "tokens_estimated": _tokens(model),
                "device_seconds": round(model.seconds, 3),
                "measured": model.measured,
            }
            for model in found.models
        ],
        "rows": found.rows,
        "parts": found.parts,
        "seconds": round(found.seconds, 3),
        "memory": found.memory,
        "measured": found.measured,
        "correction": round(found.correction, 3),
        "cores": found.machine.cores,
        "service": found.machine.service,
    }


def _tokens(model: ModelForecast) -> int | None:
    """An estimate; None where the feedback was taken in by a version that did not count its
    characters.
    """
    chars = model.missing.chars
    return None if chars is None else round(chars / _CHARS_A_TOKEN)
