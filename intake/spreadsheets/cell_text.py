"""The value of a cell as text, as the sheet shows it. Pure."""

import math
import re
from datetime import date, datetime, time, timedelta

# A spreadsheet keeps this many digits of a number; from there on it shows it as 5.70306E+17.
_EXACT_DIGITS = 15
_ISO_DURATION = re.compile(r"PT(\d{1,7})H(\d{1,2})M(\d{1,2}(?:[.,]\d{1,9})?)S")
_ERROR = re.compile(r"#N/A|#REF!|#NAME\?|#VALUE!|#DIV/0!|#NUM!|#NULL!|Err:\d{3}")
CellValue = int | float | str | bool | time | date | datetime | timedelta


def cell_text(value: CellValue) -> str | None:
    """Return the text of a cell; None for a blank one, and for an error such as #REF!.

    A whole number has no decimal point, one of more than 15 digits an exponent, as in a sheet,
    which does not keep the further digits. Other numbers have 15 digits at most. Dates and times
    are those of ISO 8601, to the millisecond; a duration is hours, minutes and seconds.

    >>> [cell_text(value) for value in (12.0, 0.1 + 0.2, 570306133677760513.0, True, "007", "")]
    ['12', '0.3', '5.703061336777605E+17', 'TRUE', '007', None]
    >>> cell_text(datetime(2026, 1, 2, 3, 4)), cell_text(timedelta(hours=30))
    ('2026-01-02T03:04:00', '30:00:00')
    """
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, timedelta):
        return _duration_text(value)
    if isinstance(value, time | datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    return value.isoformat()


def ods_cell_text(value: CellValue) -> str | None:
    """Return the text of a cell of an OpenDocument spreadsheet.

    In these, durations from a day on and errors come as strings.

    >>> [ods_cell_text(value) for value in ("PT30H00M05S", "#N/A", "PT boat")]
    ['30:00:05', None, 'PT boat']
    """
    if isinstance(value, str):
        if _ERROR.fullmatch(value):
            return None
        if duration := _ISO_DURATION.fullmatch(value):
            hours, minutes, seconds = (part.replace(",", ".") for part in duration.groups())
            return cell_text(
                timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
            )
    return cell_text(value)


def _number_text(value: float) -> str | None:
    if not math.isfinite(value):
        return None
    if abs(value) >= 10**_EXACT_DIGITS:
        return _with_exponent(float(value))
    return str(int(value)) if value == int(value) else f"{value:.{_EXACT_DIGITS}G}"


def _with_exponent(value: float) -> str:
    """Return all digits of a large number, and its exponent.

    >>> _with_exponent(1e15)
    '1E+15'
    """
    digits, _, exponent = repr(value).upper().partition("E+")
    if exponent:
        return f"{digits}E+{exponent}"
    whole = digits.removesuffix(".0")
    sign = "-" if whole.startswith("-") else ""
    whole = whole.removeprefix("-")
    fraction = whole[1:].rstrip("0")
    return f"{sign}{whole[0]}{'.' if fraction else ''}{fraction}E+{len(whole) - 1}"


def _duration_text(value: timedelta) -> str:
    sign = "-" if value < timedelta(0) else ""
    milliseconds = round(abs(value) / timedelta(milliseconds=1))
    minutes, rest = divmod(milliseconds, 60_000)
    seconds, rest = divmod(rest, 1000)
    fraction = f".{rest:03}" if rest else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{seconds:02}{fraction}"
