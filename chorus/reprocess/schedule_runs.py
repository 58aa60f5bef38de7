"""`chorus schedule list` and `chorus schedule run`."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.exceptions import RedisError

from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.service.connection import NoService, broker_for, context_for, service_broker
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.runs import read_run_end
from storage.versions.schedule_state import ScheduleState, run_name, schedule_pointer
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.schedule import Schedule, customers_with_open_runs, due_time, run_now
from workers.config.schedule_file import ALL_CUSTOMERS, read_schedules


@dataclass(frozen=True)
class ScheduleStatus:
    """A schedule, its last run, and its next time. Times are ISO 8601, of its zone unless they say
    otherwise.
    """

    schedule: str
    cron: str
    timezone: str
    customers: str | tuple[str, ...]
    run: str | None  # the last one
    started: str | None
    state: str
    failed: dict[str, str]  # the customers whose labels are not those of that run, and why
    settled_until: str | None
    next: str  # one that has come waits until a run has ended, or for a service
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
    def __init__(self, name: str, there: list[str]) -> None:
        self.name, self.there = name, there
        super().__init__(
            f"chorus.toml has no schedule {name}. It has: {', '.join(there) or 'none'}."
        )


def show_schedules(settings: Settings, *, as_json: bool) -> None:
    """Print every schedule of chorus.toml. Raises BadChorusToml, BadRecord."""
    place, now = open_place(settings.home), datetime.now(UTC)
    found = [_described(place, schedule, now) for schedule in read_schedules(place).values()]
    if as_json:
        print(json.dumps({"schedules": [vars(one) for one in found]}))
        return
    print_table(_HEADER, [_row(one) for one in found])
    for one in found:
        for customer, reason in one.failed.items():
            print(f"{one.run}, {customer}: {reason}")


def run_schedule(settings: Settings, name: str, *, as_json: bool) -> int:
    """Set a schedule going now; the exit status, 1 if some customers have no run.

    Raises NoService, NoSuchSchedule, StillRunning, BadChorusToml, BrokerUnreachable.
    """
    if service_broker(settings) is None:
        raise NoService
    schedules = read_schedules(open_place(settings.home))
    if name not in schedules:
        raise NoSuchSchedule(name, list(schedules))
    with broker_for(settings) as broker:
        try:
            said = run_now(
                context_for(settings, broker.address), schedules[name], datetime.now(UTC)
            )
        except RedisError as error:
            raise BrokerUnreachable(broker.address.without_password, str(error)) from error
    started = run_name(name, said.number)
    if as_json:
        print(json.dumps({"run": started, "customers": said.customers, "refused": said.refused}))
    else:
        print(f"{started}: {', '.join(said.customers) or 'nothing is labelled'}")
        for customer, reason in said.refused.items():
            print(f"refused for {customer}: {reason}")
    return 1 if said.refused else 0


def _described(place: Place, schedule: Schedule, now: datetime) -> ScheduleStatus:
    last = schedule_pointer(place, schedule.name).current()
    ran = last if last is not None and last.number else None
    following = due_time(schedule, last, now) or next(schedule.cron.after(now))

    def local(time: datetime | None) -> str | None:
        return (
            time.astimezone(schedule.cron.timezone).isoformat(timespec="seconds") if time else None
        )

    return ScheduleStatus(
        schedule=schedule.name,
        cron=schedule.cron.line,
        timezone=schedule.cron.zone,
        customers=ALL_CUSTOMERS if schedule.customers is None else schedule.customers,
        run=run_name(schedule.name, ran.number) if ran else None,
        started=local(ran.at) if ran else None,
        state=_state(place, schedule.name, ran) if ran else "never run",
        failed=_failed(place, schedule.name, ran) if ran else {},
        settled_until=local(last.due) if last else None,
        next=str(local(following)),
        next_utc=following.isoformat(timespec="seconds"),
    )


def _state(place: Place, schedule: str, ran: ScheduleState) -> str:
    if any(customers_with_open_runs(place, schedule, ran)):
        return "running"
    if _failed(place, schedule, ran):
        return "failed"
    return "done" if ran.customers else "nothing to label"


def _failed(place: Place, schedule: str, ran: ScheduleState) -> dict[str, str]:
    ends = {
        customer: read_run_end(place, customer, run_name(schedule, ran.number))
        for customer in ran.customers
    }
    return ran.refused | {
        customer: end.error for customer, end in ends.items() if end and end.status == "failed"
    }


def _row(one: ScheduleStatus) -> list[str]:
    customers = one.customers if isinstance(one.customers, str) else ", ".join(one.customers)
    last = (one.run or "-", _minute(one.started), one.state)
    return [
        one.schedule,
        one.cron,
        one.timezone,
        customers,
        *last,
        _minute(one.next),
        _minute(one.next_utc),
    ]


def _minute(time: str | None) -> str:
    return time[: len("2026-01-01T02:30")].replace("T", " ") if time else "-"
