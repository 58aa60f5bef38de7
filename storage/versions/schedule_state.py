"""The state of a schedule: one pointer each, `schedules/<schedule>/`."""

from datetime import datetime

from pydantic import Field

from storage.names import check_name
from storage.places.place import Place
from storage.record import Record
from storage.versions.pointer import Pointer


class ScheduleState(Record):
    """One move: runs that were started, or the first sight of the schedule, as number 0."""

    number: int  # of its runs, from 1; whoever begins the next ones takes the next
    due: datetime  # every time of the cron line up to this one is settled
    cron: str  # the line and the zone that the times are told by
    timezone: str
    at: datetime | None = None  # when the runs were set going
    customers: tuple[str, ...] = ()  # each has a run of the name run_name(schedule, number)
    refused: dict[str, str] = Field(default_factory=dict)  # customer → why none was set going


def schedule_pointer(place: Place, schedule: str) -> Pointer[ScheduleState]:
    """Return the pointer of a schedule. Raises BadName."""
    return Pointer(place, f"schedules/{check_name('schedule', schedule)}", ScheduleState)


def run_name(schedule: str, number: int) -> str:
    """Return the name of the runs of one number, the same for all customers.

    Raises BadName: the schedule's name may be too long for it.
    """
    return check_name("run", f"{schedule}-{number:06d}")
