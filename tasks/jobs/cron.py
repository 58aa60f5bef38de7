"""When is it time? A cron line in a time zone, whatever is done to the clocks there. Pure.

As in Debian's cron: where the line names its minutes and hours, what a change of the clocks leaves
out comes at once after it, and what it brings twice comes the first time. Where one of them begins
with a star, the line follows the clock: every hour comes once, whatever it is called, and what
there is not is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

_FIELDS = 5
_CHANGE = timedelta(hours=3)  # no clock is put back by more


@dataclass(frozen=True)
class Cron:
    """`line` and `zone` as check_line and check_zone return them. All times are aware; those
    returned are UTC.
    """

    line: str
    zone: str

    @property
    def timezone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every time later than the moment, in order.

        In the hour that there is twice, CronSim cannot tell which one it was asked from: so it is
        asked from before.
        """
        for found in CronSim(self.line, (moment - _CHANGE).astimezone(self.timezone)):
            time = found.astimezone(UTC)
            if time > moment:
                yield time
                moment = time

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The last time that is later than `after` and not later than `until`; None if there is
        none.
        """
        window = timedelta(hours=1)
        # longer and longer, so that a line of every minute need not be counted through a year
        while after < until:
            found = list(
                takewhile(lambda time: time <= until, self.after(max(after, until - window)))
            )
            if found:
                return found[-1]
            if until - window <= after:
                break
            window *= 2
        return None


def check_line(value: object) -> str:
    """A cron line of five fields that there is a time for. Raises ValueError, which says what is
    allowed.
    """
    problem = ""
    if isinstance(value, str) and len(value.split()) == _FIELDS:
        try:
            next(CronSim(value, datetime(2026, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            problem = f" ({str(error).lower()})"
        except ValueError:
            problem = " (a number is too long)"
        except StopIteration:
            problem = " (there is no such day)"
        else:
            return value
    raise ValueError(
        f'five fields: minute, hour, day of month, month, day of week, such as "30 2 * * MON-FRI"{problem}'
    )


def check_zone(value: object) -> str:
    """The IANA name of a time zone. Raises ValueError, which says what is allowed."""
    if isinstance(value, str):
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError):  # unknown, no name at all, a folder
            near = get_close_matches(value, available_timezones(), 1)
            raise ValueError(_zones(f"; did you mean {near[0]!r}?" if near else "")) from None
    raise ValueError(_zones(""))


def _zones(hint: str) -> str:
    return f'the IANA name of a time zone, such as "UTC" or "Europe/Berlin"{hint}'
