"""The correction of forecasts by how far earlier ones were off.

A forecast assumes an idle machine and cores that are shared without gaps. What it leaves out (other
programs, the clock of a processor, a slow disk) slows every job of a machine by much the same
factor. The median of the last few jobs gives that factor; one odd night does not move it. The
calculation itself has one vote: after one job half of its factor counts, after two that agree all
of it.
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
    """Return the factor that follows from elapsed over expected seconds of earlier jobs. Pure.

    The latest job is the last.
    """
    return min(_MOST, max(1 / _MOST, median([1.0, *ratios[-_LAST:]])))


def read_correction(place: Place, cores: int, service: bool) -> float:
    """Return the correction of a forecast for so many cores."""
    return correction_factor(read_ratios(place).kinds.get(forecast_kind(cores, service), ()))


def record_actual(place: Place, forecast: Forecast, seconds: float) -> None:
    """Record how long a job with this forecast took.

    An unmeasured forecast is not recorded: what it lacked is measured now. Raises CannotWrite.
    """
    expected = forecast.seconds / forecast.correction
    if not forecast.measured or expected < _LEAST:
        return
    kinds = read_ratios(place).kinds
    last = (*kinds.get(forecast.kind, ()), seconds / expected)[-_LAST:]
    write_ratios(place, ForecastRatios(kinds=kinds | {forecast.kind: last}))
