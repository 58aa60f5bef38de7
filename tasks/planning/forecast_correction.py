"""Forecasts that were off by some factor again and again are corrected by it.

A forecast takes the machine to be idle and its cores to be shared without a gap. What it leaves out
(programs that always run there, the clock of a processor, a slow disk) slows every job of a machine
by much the same factor. So does the median of the last few jobs, which one odd night does not move.
The calculation itself has a vote in it: after one job half of what that shows is believed, after
two that agree all of it.
"""

from collections.abc import Sequence
from statistics import median

from storage.places.place import Place
from storage.records.forecasts import (
    Forecast,
    ForecastRatios,
    forecast_kind,
    read_ratios,
    write_ratios,
)

_LAST = 5  # jobs that count
# a forecast is not moved further than by this factor: three of four cores belong to others
_MOST = 4.0
_LEAST = 1.0  # seconds; shorter ones are off by what is not worth knowing


def correction_factor(ratios: Sequence[float]) -> float:
    """The factor that follows from (seconds taken / seconds expected) of earlier jobs, the last of
    them last. Pure.
    """
    return min(_MOST, max(1 / _MOST, median([1.0, *ratios[-_LAST:]])))


def read_correction(place: Place, cores: int, service: bool) -> float:
    """What earlier jobs say of a forecast for so many cores."""
    return correction_factor(read_ratios(place).kinds.get(forecast_kind(cores, service), ()))


def record_actual(place: Place, forecast: Forecast, seconds: float) -> None:
    """A job with this forecast took so long. A guess teaches nothing: what it was wrong about is
    measured now.

    Raises CannotWrite.
    """
    expected = forecast.seconds / forecast.correction
    if not forecast.measured or expected < _LEAST:
        return
    kinds = read_ratios(place).kinds
    last = (*kinds.get(forecast.kind, ()), seconds / expected)[-_LAST:]
    write_ratios(place, ForecastRatios(kinds=kinds | {forecast.kind: last}))
