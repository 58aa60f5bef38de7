"""Schedules: start runs at set times, each once, however often and in how many processes this runs.

The state of a schedule is in storage (storage.versions.schedule_state): its last runs, and the time
up to which it is settled. `run_due` starts the runs of a due time and then records that the time is
settled. After a crash in between, the next call starts runs of the same names, which are the same
runs.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.errors import BadRequest, ChorusError
from storage.places.place import Absent, Place
from storage.records.feedback import customers
from storage.records.runs import Run, read_run, read_run_end
from storage.versions.schedule_state import ScheduleState, run_name, schedule_pointer
from tasks.board.context import Context
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs import reprocess
from tasks.jobs.cron import Cron

StartRun = Callable[..., Run | None]  # tasks.jobs.reprocess.start_run, or a substitute in tests

_MAX_STATES = 64  # past states of a schedule that are kept

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """A schedule in chorus.toml."""

    name: str
    cron: Cron
    customers: tuple[str, ...] | None = None  # None: all customers with stored feedback
    since: timedelta | None = None  # only feedback that is not older than this
    keep: int = 1  # old labels that `prune` leaves


class RunsStillOpen(BadRequest):
    """A schedule whose runs have not ended: two runs of one schedule never overlap."""

    def __init__(self, schedule: str, run: str, customer: str) -> None:
        self.schedule, self.run, self.customer = schedule, run, customer
        super().__init__(
            f"The run {run} of the schedule {schedule} has not ended: customer {customer} is not "
            "done. Wait for it (`chorus schedule list`, `chorus status`), or cancel its jobs."
        )


def due_time(schedule: Schedule, last: ScheduleState | None, now: datetime) -> datetime | None:
    """Return the latest time that is due and not settled. Pure.

    A schedule counts from when it was first checked, and again from when its cron line or zone
    changed.
    """
    if last is None or not _is_unchanged(last, schedule):
        return None
    return schedule.cron.latest(last.due, now)


def has_work(place: Place, schedule: Schedule, now: datetime) -> bool:
    """Return whether `run_due` would do anything. Raises BadRecord."""
    last = schedule_pointer(place, schedule.name).current()
    if last is None or not _is_unchanged(last, schedule):
        return True
    return due_time(schedule, last, now) is not None and not any(
        customers_with_open_runs(place, schedule.name, last)
    )


def run_due(
    context: Context, schedule: Schedule, now: datetime, start_run: StartRun = reprocess.start_run
) -> None:
    """Start the runs that are due; while runs are open, they stay due.

    It may be called any number of times, in any number of processes. Raises BrokerUnreachable,
    RedisError, BadRecord, CannotWrite.
    """
    last = _read_state(context.place, schedule, now)
    due = due_time(schedule, last, now)
    if due is not None and not any(customers_with_open_runs(context.place, schedule.name, last)):
        _start_runs(context, schedule, last, due, now, start_run)


def run_now(
    context: Context, schedule: Schedule, now: datetime, start_run: StartRun = reprocess.start_run
) -> ScheduleState:
    """Start the runs of a schedule now. No time is settled by that: what is due follows them.

    Raises RunsStillOpen, BrokerUnreachable, RedisError, BadRecord, CannotWrite.
    """
    last = _read_state(context.place, schedule, now)
    for customer in customers_with_open_runs(context.place, schedule.name, last):
        raise RunsStillOpen(schedule.name, run_name(schedule.name, last.number), customer)
    return _start_runs(context, schedule, last, last.due, now, start_run)


def customers_with_open_runs(place: Place, schedule: str, last: ScheduleState) -> Iterator[str]:
    """Yield the customers whose runs have not ended."""
    return (one for one in last.customers if _is_open(place, one, run_name(schedule, last.number)))


def customers_of_schedule(place: Place, schedule: Schedule) -> tuple[str, ...]:
    """Return the customers whose feedback the schedule labels, as of now."""
    return tuple(customers(place)) if schedule.customers is None else schedule.customers


def _read_state(place: Place, schedule: Schedule, now: datetime) -> ScheduleState:
    """Return the state; for a new or changed schedule, record that times before now are settled."""
    pointer = schedule_pointer(place, schedule.name)
    last = pointer.current()
    if last is not None and _is_unchanged(last, schedule):
        return last
    line, zone = schedule.cron.line, schedule.cron.zone
    if last is None:
        state = ScheduleState(number=0, due=now, cron=line, timezone=zone)
    else:
        state = last.model_copy(update={"due": now, "cron": line, "timezone": zone})
    return pointer.move(lambda current: state if current == last else None) or state


def _is_unchanged(last: ScheduleState, schedule: Schedule) -> bool:
    return (last.cron, last.timezone) == (schedule.cron.line, schedule.cron.zone)


def _start_runs(
    context: Context,
    schedule: Schedule,
    last: ScheduleState,
    due: datetime,
    now: datetime,
    start_run: StartRun,
) -> ScheduleState:
    """Start the next runs, record that times up to `due` are settled, and return the new state."""
    number = last.number + 1
    started, refused = _start_run_of_each(context, schedule, number, now, start_run)
    next_state = last.model_copy(
        update={"number": number, "due": due, "at": now, "customers": started, "refused": refused}
    )
    pointer = schedule_pointer(context.place, schedule.name)
    # A process that recorded this number meanwhile has started the same runs.
    state = pointer.move(
        lambda current: next_state if current is None or current.number < number else None
    )
    pointer.truncate(_MAX_STATES)
    log.info(
        "started runs number %s of %s customers",
        number,
        len(started),
        extra={"schedule": schedule.name},
    )
    return state or next_state


def _start_run_of_each(
    context: Context, schedule: Schedule, number: int, now: datetime, start_run: StartRun
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the customers that have a run now, and the others, each with the reason."""
    name = run_name(schedule.name, number)
    since = now - schedule.since if schedule.since is not None else None
    started, refused = [], {}
    for customer in customers_of_schedule(context.place, schedule):
        try:
            run = start_run(
                context, customer, name=name, since=since, until=None, keep=schedule.keep, now=now
            )
        except BrokerUnreachable:
            raise  # it concerns all customers
        except ChorusError as error:  # it concerns this customer alone
            log.warning(
                "no run started for %s: %s", customer, error, extra={"schedule": schedule.name}
            )
            refused[customer] = str(error)
        else:
            if run is not None:
                started.append(customer)
    return tuple(started), refused


def _is_open(place: Place, customer: str, run: str) -> bool:
    """Return whether a run has not ended."""
    if read_run_end(place, customer, run) is not None:
        return False
    try:
        read_run(place, customer, run)
    except Absent:  # it has ended and was pruned
        return False
    return True
