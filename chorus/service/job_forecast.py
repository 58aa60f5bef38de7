"""What jobs would take on this machine as it is now, and the forecast stored with a job."""

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from redis.exceptions import RedisError

from chorus.common.settings import Settings
from chorus.service.machine_limits import limits_for_jobs, limits_for_machine
from models.interface.device import CPU
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.concurrent import map_concurrently
from storage.places.place import Place
from storage.records.feedback import Dataset
from storage.records.forecasts import ExpectedModel, Forecast, write_forecast
from storage.records.jobs import Job
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.roster import Roster
from tasks.board.worker_profile import expected_profile_of
from tasks.broker.step_messages import SHORT_JOB_ROWS
from tasks.planning.forecast import ForecastMachine, ForecastPool, JobForecast, forecast_work
from tasks.planning.forecast_correction import read_correction
from tasks.planning.remaining_work import remaining_work
from tasks.planning.stored_work import StoredWork, read_stored_work
from workers.config.limits_file import read_limits

log = logging.getLogger(__name__)


def forecast_jobs(
    settings: Settings, place: Place, board: Board | None, works: Sequence[StoredWork]
) -> JobForecast:
    """Return what these jobs would take together; they were read with `partial_sources`.

    `board`: of the broker they would use, if there is one. Raises RedisError, BadConfigFile,
    Absent, BadRecord.
    """
    remaining = remaining_work(works)
    busy = {missing.model.name for missing in remaining.models if missing.rows}
    machine = describe_machine(settings, place, board, [work.job for work in works], busy)
    registry = ModelRegistry(place)
    models = [missing.model for missing in remaining.models]
    profiles = map_concurrently(
        place,
        lambda model: expected_profile_of(place, registry.manifest(model.name, model.version)),
        models,
    )
    return forecast_work(
        remaining,
        dict(zip(models, profiles, strict=True)),
        machine,
        read_correction(place, machine.cores, machine.service),
    )


def describe_machine(
    settings: Settings,
    place: Place,
    board: Board | None,
    jobs: Sequence[Job],
    busy: Collection[str],
) -> ForecastMachine:
    """Return this machine with the pools of its service, or those that `chorus score` would start.

    `busy`: the models that have cells to score. Raises RedisError, BadConfigFile.
    """
    roster = Roster(board) if board is not None else None
    service = bool(roster and roster.machines())
    workers = roster.workers() if roster else []
    warm = {worker.model for worker in workers if worker.state != "stopping"}
    if service:
        limits_of, budget = limits_for_machine(place, settings, read_limits(place).for_model)
    else:
        limits_of, budget = limits_for_jobs(place, settings, jobs, busy)
    pools = {}
    names = {model.name for job in jobs for model in job.models}
    for name, limits in zip(names, map_concurrently(place, limits_of, names), strict=True):
        threads = limits.threads or 1
        most = min(limits.max or settings.cores, max(1, settings.cores // threads))
        pools[name] = ForecastPool(most, threads, name in warm, limits.device != CPU)
    memory = budget.memory if service else None
    return ForecastMachine(settings.cores, pools, len(budget.gpus), memory, service)


def forecast_record(
    settings: Settings, context: Context, works: Sequence[StoredWork]
) -> Forecast | None:
    """Return the forecast of these jobs together, which were read with `partial_sources`.

    None if no work remains, or if something that the forecast needs cannot be read.
    """
    try:
        forecast = forecast_jobs(settings, context.place, context.board, works)
    except (ChorusError, RedisError, OSError) as error:  # the jobs report the error better
        log.warning("no forecast was made: %s", error)
        return None
    return _to_record(forecast) if forecast.seconds else None


def read_work_to_start(place: Place, job: Job, dataset: Dataset) -> StoredWork:
    """Read what storage holds of a job, with what `store_forecast` needs."""
    [stored] = read_stored_work(
        place, [(job, dataset)], partial_sources=dataset.rows > SHORT_JOB_ROWS
    )
    return stored


def store_forecast(settings: Settings, context: Context, stored: StoredWork) -> None:
    """Store the forecast of a job that is about to start; a short job starts without one."""
    if stored.dataset.rows <= SHORT_JOB_ROWS:
        return
    forecast = forecast_record(settings, context, [stored])
    if forecast is not None:
        with suppress(ChorusError, OSError):  # the job reports the error better
            write_forecast(context.place, stored.job.id, forecast)


def _to_record(forecast: JobForecast) -> Forecast:
    models = {
        model.missing.model.name: ExpectedModel(
            version=model.missing.model.version, rows=model.missing.rows, seconds=model.seconds
        )
        for model in forecast.models
    }
    return Forecast(
        seconds=forecast.seconds,
        models=models,
        made_at=datetime.now(UTC).replace(microsecond=0),
        cores=forecast.machine.cores,
        service=forecast.machine.service,
        measured=forecast.measured,
        correction=forecast.correction,
    )
