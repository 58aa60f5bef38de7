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

_JOBS_COUNTED = 5  # the latest ones
_MAX_FACTOR = 4.0  # of a correction: other programs use three of four cores
_MIN_SECONDS = 1.0  # expected; shorter jobs are off by amounts that do not matter


def correction_factor(ratios: Sequence[float]) -> float:
    """Return the factor that follows from elapsed over expected seconds of earlier jobs. Pure.

    `ratios`: one for each job, the latest last.
    """
    return min(_MAX_FACTOR, max(1 / _MAX_FACTOR, median([1.0, *ratios[-_JOBS_COUNTED:]])))


def read_correction(place: Place, cores: int, service: bool) -> float:
    """Return the correction of a forecast for so many cores, in a service or without one."""
    return correction_factor(read_ratios(place).kinds.get(forecast_kind(cores, service), ()))


def record_actual(place: Place, forecast: Forecast, seconds: float) -> None:
    """Record how long a job with this forecast took.

    An unmeasured forecast is not recorded: what it lacked is measured now. Raises CannotWrite.
    """
    expected = forecast.seconds / forecast.correction
    if not forecast.measured or expected < _MIN_SECONDS:
        return
    kinds = read_ratios(place).kinds
    ratios = (*kinds.get(forecast.kind, ()), seconds / expected)[-_JOBS_COUNTED:]
    write_ratios(place, ForecastRatios(kinds=kinds | {forecast.kind: ratios}))
