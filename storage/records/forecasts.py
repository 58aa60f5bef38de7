"""What was expected of a job: `jobs/<job>/forecast.json`; and how far such forecasts were off:
`forecasts.json`.
"""

from datetime import datetime

from pydantic import Field

from storage.places.place import Absent, Place
from storage.record import BadRecord, Record
from storage.records.jobs import folder

_RATIOS = "forecasts.json"


class ExpectedModel(Record):
    """Of one model."""

    version: int
    rows: int  # to score
    seconds: float  # of a processor, or of a GPU


class Forecast(Record):
    """Of one job, when it began or was taken up again."""

    seconds: float  # from its arrival to its end
    models: dict[str, ExpectedModel]
    made_at: datetime
    cores: int  # that the workers of that machine share
    service: bool  # whether it was handed to a running service
    measured: bool  # every model that wakes was measured; else guessed
    correction: float  # what earlier jobs have shown, within `seconds`

    @property
    def kind(self) -> str:
        """Forecasts of one kind are off for the same reasons."""
        return forecast_kind(self.cores, self.service)


class ForecastRatios(Record):
    """Kind of forecast → seconds that a job took, divided by those expected without correction: the
    last few.
    """

    kinds: dict[str, tuple[float, ...]] = Field(default_factory=dict)


def forecast_kind(cores: int, service: bool) -> str:
    return f"{cores} cores{', service' if service else ''}"


def forecast_path(job: str) -> str:
    return f"{folder(job)}/forecast.json"


def write_forecast(place: Place, job: str, forecast: Forecast) -> None:
    """It counts from now on. Raises CannotWrite."""
    place.replace(forecast_path(job), forecast.encode())


def read_forecast(place: Place, job: str) -> Forecast | None:
    """None where none was made, or none that can be read: no job depends on it."""
    try:
        return Forecast.decode(place.read(forecast_path(job)), place.at(forecast_path(job)))
    except (Absent, BadRecord):
        return None


def read_ratios(place: Place) -> ForecastRatios:
    """None yet where they cannot be read."""
    try:
        return ForecastRatios.decode(place.read(_RATIOS), place.at(_RATIOS))
    except (Absent, BadRecord):
        return ForecastRatios()


def write_ratios(place: Place, ratios: ForecastRatios) -> None:
    """Two jobs that end at once may forget one of the two. Raises CannotWrite."""
    place.replace(_RATIOS, ratios.encode())
