"""The state of a schedule: one pointer each, `schedules/<schedule>/`."""

from datetime import datetime

from pydantic import Field

from storage.names import check_name
from storage.places.place import Place
from storage.record import Record
from storage.versions.pointer import Pointer


class ScheduleState(Record):
    """One move: runs that were started or, as number 0, the first reading of the schedule."""

    number: int  # of these runs, from 1
    due: datetime  # all due times up to this one have been handled
    cron: str  # the cron line that the due times follow
    timezone: str
    at: datetime | None = None  # when the runs were started
    customers: tuple[str, ...] = ()  # each has a run with the name run_name(schedule, number)
    refused: dict[str, str] = Field(default_factory=dict)  # customer → why no run was started


def schedule_pointer(place: Place, schedule: str) -> Pointer[ScheduleState]:
    """Return the pointer of a schedule. Raises BadName."""
    return Pointer(place, f"schedules/{check_name('schedule', schedule)}", ScheduleState)


def run_name(schedule: str, number: int) -> str:
    """Return the name of the runs of one number, the same for all customers.

    Raises BadName if the schedule's name is too long for it.
    """
    return check_name("run", f"{schedule}-{number:06d}")
