"""`chorus schedule list` and `chorus schedule run`: schedules and their last runs."""

from dataclasses import dataclass
from datetime import UTC, datetime

from redis.exceptions import RedisError

from chorus.common.console import print_json, print_line
from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.service.connection import NoService, broker_for, context_for, service_broker
from storage.errors import BadRequest
from storage.name_list import list_names
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.runs import read_run_end
from storage.versions.schedule_state import ScheduleState, run_name, schedule_pointer
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.schedule import Schedule, customers_with_open_runs, due_time, run_now
from workers.config.all_tables import read_chorus_config
from workers.config.schedule_file import ALL_CUSTOMERS


@dataclass(frozen=True)
class ScheduleStatus:
    """A schedule, its last run, and its next time.

    Times are ISO 8601, in the time zone of the schedule unless the name says otherwise.
    """

    schedule: str
    cron: str
    timezone: str
    customers: str | tuple[str, ...]
    run: str | None  # the last one
    started: str | None
    state: str
    failed: dict[str, str]  # customer without labels of that run → reason
    settled_until: str | None
    next: str  # one in the past waits until a run has ended, or for a service
    next_utc: str


_HEADER = (
    "schedule",
    "cron",
    "zone",
    "customers",
    "last run",
    "started",
    "state",
    "next",
    "next, UTC",
)


class NoSuchSchedule(BadRequest):
    """chorus.toml has no schedule of this name."""

    def __init__(self, name: str, schedules: list[str]) -> None:
        self.name, self.schedules = name, schedules
        super().__init__(
            f"chorus.toml has no schedule {name}. It has: {list_names(schedules, name)}."
        )


def show_schedules(settings: Settings, *, as_json: bool) -> None:
    """Print every schedule of chorus.toml. Raises BadConfigFile, BadRecord."""
    place, now = open_place(settings.home), datetime.now(UTC)
    statuses = [
        _read_status(place, schedule, now)
        for schedule in read_chorus_config(place).schedules.values()
    ]
    if as_json:
        print_json({"schedules": [vars(status) for status in statuses]})
        return
    print_table(_HEADER, [_row(status) for status in statuses])
    for status in statuses:
        for customer, reason in status.failed.items():
            print_line(f"{status.run}, {customer}: {reason}")


def run_schedule(settings: Settings, name: str, *, as_json: bool) -> int:
    """Start a schedule now, and return the exit status: 1 if some customers have no run.

    Raises NoService, NoSuchSchedule, RunsStillOpen, BadConfigFile, BrokerUnreachable.
    """
    if service_broker(settings) is None:
        raise NoService
    schedules = read_chorus_config(open_place(settings.home)).schedules
    if name not in schedules:
        raise NoSuchSchedule(name, list(schedules))
    with broker_for(settings) as broker:
        try:
            state = run_now(
                context_for(settings, broker.address), schedules[name], datetime.now(UTC)
            )
        except RedisError as error:
            raise BrokerUnreachable(broker.address.without_password, str(error)) from error
    run = run_name(name, state.number)
    if as_json:
        print_json({"run": run, "customers": state.customers, "refused": state.refused})
    else:
        print_line(f"{run}: {', '.join(state.customers) or 'no feedback to label'}")
        for customer, reason in state.refused.items():
            print_line(f"refused for {customer}: {reason}")
    return 1 if state.refused else 0


def _read_status(place: Place, schedule: Schedule, now: datetime) -> ScheduleStatus:
    last = schedule_pointer(place, schedule.name).current()
    last_run = last if last is not None and last.number else None
    next_time = due_time(schedule, last, now) or next(schedule.cron.after(now))

    def local(time: datetime | None) -> str | None:
        return (
            time.astimezone(schedule.cron.timezone).isoformat(timespec="seconds") if time else None
        )

    return ScheduleStatus(
        schedule=schedule.name,
        cron=schedule.cron.line,
        timezone=schedule.cron.zone,
        customers=ALL_CUSTOMERS if schedule.customers is None else schedule.customers,
        run=run_name(schedule.name, last_run.number) if last_run else None,
        started=local(last_run.at) if last_run else None,
        state=_state(place, schedule.name, last_run) if last_run else "never run",
        failed=_failed(place, schedule.name, last_run) if last_run else {},
        settled_until=local(last.due) if last else None,
        next=str(local(next_time)),
        next_utc=next_time.isoformat(timespec="seconds"),
    )


def _state(place: Place, schedule: str, last_run: ScheduleState) -> str:
    if any(customers_with_open_runs(place, schedule, last_run)):
        return "running"
    if _failed(place, schedule, last_run):
        return "failed"
    return "done" if last_run.customers else "nothing to label"


def _failed(place: Place, schedule: str, last_run: ScheduleState) -> dict[str, str]:
    ends = {
        customer: read_run_end(place, customer, run_name(schedule, last_run.number))
        for customer in last_run.customers
    }
    return last_run.refused | {
        customer: end.error for customer, end in ends.items() if end and end.status == "failed"
    }


def _row(status: ScheduleStatus) -> list[str]:
    customers = status.customers
    return [
        status.schedule,
        status.cron,
        status.timezone,
        customers if isinstance(customers, str) else ", ".join(customers),
        status.run or "-",
        _minute(status.started),
        status.state,
        _minute(status.next),
        _minute(status.next_utc),
    ]


def _minute(time: str | None) -> str:
    return time[: len("2026-01-01T02:30")].replace("T", " ") if time else "-"
