"""Forecasts of jobs (`jobs/<job>/forecast.json`) and how far they were off (`forecasts.json`)."""

from datetime import datetime

from pydantic import Field

from storage.places.place import Absent, Place
from storage.record import BadRecord, Record
from storage.records.jobs import folder

_RATIOS = "forecasts.json"


class ExpectedModel(Record):
    """The expected work of one model."""

    version: int
    rows: int  # to score
    seconds: float  # of a processor, or of a GPU


class Forecast(Record):
    """The forecast of a job, made when it was submitted or resumed."""

    seconds: float  # from its arrival to its end
    models: dict[str, ExpectedModel]
    made_at: datetime
    cores: int  # that the workers of that machine share
    service: bool  # whether a running service takes the job
    measured: bool  # whether the rates of all models that score were measured, not guessed
    correction: float  # the factor from earlier jobs, already applied to `seconds`

    @property
    def kind(self) -> str:
        """Kind of forecast; the errors of one kind have the same causes."""
        return forecast_kind(self.cores, self.service)


class ForecastRatios(Record):
    """Elapsed over expected seconds of the last few jobs, by kind of forecast.

    The expected seconds are those without correction.
    """

    kinds: dict[str, tuple[float, ...]] = Field(default_factory=dict)


def forecast_kind(cores: int, service: bool) -> str:
    """Return the kind of a forecast: its number of cores, and whether it is for a service."""
    return f"{cores} cores{', service' if service else ''}"


def forecast_path(job: str) -> str:
    """Return the path of a job's forecast."""
    return f"{folder(job)}/forecast.json"


def write_forecast(place: Place, job: str, forecast: Forecast) -> None:
    """Write a job's forecast, over an older one. Raises CannotWrite."""
    place.replace(forecast_path(job), forecast.encode())


def read_forecast(place: Place, job: str) -> Forecast | None:
    """Read a job's forecast; None if it is missing or unreadable."""
    try:
        return Forecast.decode(place.read(forecast_path(job)), place.url_of(forecast_path(job)))
    except (Absent, BadRecord):
        return None


def read_ratios(place: Place) -> ForecastRatios:
    """Read the ratios; empty if they are missing or unreadable."""
    try:
        return ForecastRatios.decode(place.read(_RATIOS), place.url_of(_RATIOS))
    except (Absent, BadRecord):
        return ForecastRatios()


def write_ratios(place: Place, ratios: ForecastRatios) -> None:
    """Write the ratios. Raises CannotWrite.

    If two jobs end at the same time, the ratio of one may be lost.
    """
    place.replace(_RATIOS, ratios.encode())
