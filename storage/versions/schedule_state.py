"""What a schedule has done: one pointer each, `schedules/<schedule>/`, whose last move says what is
settled.
"""

from datetime import datetime

from pydantic import Field

from storage.names import check_name
from storage.places.place import Place
from storage.record import Record
from storage.versions.pointer import Pointer


class ScheduleState(Record):
    """One move: runs that were set going, or only the note that the schedule is there, as number 0."""

    number: int  # of its runs, from 1; whoever begins the next ones takes the next
    due: datetime  # every time of the cron line up to this one is settled
    cron: str  # the line and the zone that the times are told by
    timezone: str
    at: datetime | None = None  # when the runs were set going
    customers: tuple[str, ...] = ()  # each has a run of the name run_name(schedule, number)
    refused: dict[str, str] = Field(default_factory=dict)  # customer → why none was set going


def schedule_pointer(place: Place, schedule: str) -> Pointer[ScheduleState]:
    """Raises BadName."""
    return Pointer(place, f"schedules/{check_name('schedule', schedule)}", ScheduleState)


def run_name(schedule: str, number: int) -> str:
    """The same for all customers of one time. Raises BadName, which the name of a schedule can be
    too long for.
    """
    return check_name("run", f"{schedule}-{number:06d}")
