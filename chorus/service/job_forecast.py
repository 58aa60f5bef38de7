"""What jobs would take on this machine, as it is now; and what was expected of a job, kept with it."""

import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from redis.exceptions import RedisError

from chorus.common.settings import Settings
from chorus.service.service import for_jobs, for_this_machine
from models.interface.device import CPU
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.concurrent import side_by_side
from storage.places.place import Place
from storage.records.feedback import Dataset
from storage.records.forecasts import Expected, Forecast, keep_forecast
from storage.records.jobs import Job
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.roster import Roster
from tasks.board.worker_profile import expected_profile_of
from tasks.broker.step_messages import SHORT
from tasks.planning.forecast import Machine, Outlook, Pool, outlook
from tasks.planning.forecast_correction import correction
from tasks.planning.record_cache import dataset_of
from tasks.planning.remaining_work import remaining_work
from workers.config.limits_file import read_limits

log = logging.getLogger(__name__)


def look_ahead(
    settings: Settings, place: Place, board: Board | None, jobs: Iterable[tuple[Job, Dataset]]
) -> Outlook:
    """What these jobs, written or not, would take together. `board`: of the broker they would use,
    if it is there.

    Raises RedisError, BadChorusToml, Absent, BadRecord.
    """
    jobs = list(jobs)
    todo = remaining_work(place, jobs)
    busy = {one.model.name for one in todo.models if one.rows}
    machine = machine_for(settings, place, board, [job for job, _ in jobs], busy)
    registry = ModelRegistry(place)
    models = [one.model for one in todo.models]
    needs = side_by_side(
        place,
        lambda one: expected_profile_of(place, registry.manifest(one.name, one.version)),
        models,
    )
    return outlook(
        todo,
        dict(zip(models, needs, strict=True)),
        machine,
        correction(place, machine.cores, machine.service),
    )


def machine_for(
    settings: Settings,
    place: Place,
    board: Board | None,
    jobs: Sequence[Job],
    busy: Collection[str],
) -> Machine:
    """This machine, as its service works on these jobs, or else as `chorus score` would; `busy`:
    see for_jobs.

    Raises RedisError, BadChorusToml.
    """
    roster = Roster(board) if board is not None else None
    service = bool(roster and roster.machines())
    warm = (
        {worker.model for worker in roster.workers() if worker.state != "stopping"}
        if roster
        else set()
    )
    if service:
        limits, budget = for_this_machine(place, settings, read_limits(place).of)
    else:
        limits, budget = for_jobs(place, settings, jobs, busy)
    pools = {}
    names = {model.name for job in jobs for model in job.models}
    for name, found in zip(names, side_by_side(place, limits, names), strict=True):
        threads = found.threads or 1
        workers = min(found.max or settings.cores, max(1, settings.cores // threads))
        pools[name] = Pool(workers, threads, name in warm, found.device != CPU)
    memory = budget.memory if service else None
    return Machine(settings.cores, pools, len(budget.gpus), memory, service)


def expect(
    settings: Settings, context: Context, jobs: Iterable[tuple[Job, Dataset]]
) -> Forecast | None:
    """What is expected of these jobs together; None if they have nothing left, or if it cannot be
    told.
    """
    try:
        found = look_ahead(settings, context.place, context.board, jobs)
    except (ChorusError, RedisError, OSError) as error:  # the jobs say better what is wrong
        log.warning("no forecast was made: %s", error)
        return None
    return _as_forecast(found) if found.seconds else None


def remember(settings: Settings, context: Context, job: Job) -> None:
    """Keep what is expected of a job that is about to begin. Nothing of a short one: somebody waits
    for that.
    """
    with suppress(ChorusError, OSError):  # the job says better what is wrong
        dataset = dataset_of(context.place, job)
        forecast = expect(settings, context, [(job, dataset)]) if dataset.rows > SHORT else None
        if forecast is not None:
            keep_forecast(context.place, job.id, forecast)


def _as_forecast(found: Outlook) -> Forecast:
    return Forecast(
        seconds=found.seconds,
        models={
            one.missing.model.name: Expected(
                version=one.missing.model.version, rows=one.missing.rows, seconds=one.seconds
            )
            for one in found.models
        },
        made_at=datetime.now(UTC).replace(microsecond=0),
        cores=found.machine.cores,
        service=found.machine.service,
        measured=found.measured,
        correction=found.correction,
    )
