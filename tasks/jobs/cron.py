"""Cron lines in a time zone, across changes of its clocks. Pure.

As in Debian's cron: where the line names its minutes and hours, a time that a change of the clocks
skips comes at once after it, and one that comes twice counts the first time. Where a field begins
with a star, the line follows the clock: every hour comes once, and a skipped one is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

_FIELDS = 5
_CHANGE = timedelta(hours=3)  # more than any clock is set back


@dataclass(frozen=True)
class Cron:
    """A cron line and a zone as check_line and check_zone return them.

    All times are aware; those returned are UTC.
    """

    line: str
    zone: str

    @property
    def timezone(self) -> ZoneInfo:
        """Zone of the line."""
        return ZoneInfo(self.zone)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield every time after the moment, in order.

        CronSim cannot tell the two hours of the same name on a day when the clock is set back: so
        it is asked from before them.
        """
        for local in CronSim(self.line, (moment - _CHANGE).astimezone(self.timezone)):
            time = local.astimezone(UTC)
            if time > moment:
                yield time
                moment = time

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """Return the last time after `after` and not after `until`; None if there is none."""
        window = timedelta(hours=1)
        # The window grows: a line of every minute need not be followed through a year.
        while after < until:
            times = list(
                takewhile(lambda time: time <= until, self.after(max(after, until - window)))
            )
            if times:
                return times[-1]
            if until - window <= after:
                break
            window *= 2
        return None


def check_line(value: object) -> str:
    """Return the value if it is a cron line of five fields that some time matches.

    Raises ValueError, which says what is allowed.
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
        'five fields: minute, hour, day of month, month, day of week, such as "30 2 * * '
        f'MON-FRI"{problem}'
    )


def check_zone(value: object) -> str:
    """Return the value if it is the IANA name of a time zone.

    Raises ValueError, which says what is allowed.
    """
    if isinstance(value, str):
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError):  # unknown, not a name, a folder
            near = get_close_matches(value, available_timezones(), 1)
            raise ValueError(
                _allowed_zones(f"; did you mean {near[0]!r}?" if near else "")
            ) from None
    raise ValueError(_allowed_zones(""))


def _allowed_zones(hint: str) -> str:
    return f'the IANA name of a time zone, such as "UTC" or "Europe/Berlin"{hint}'
