"""A company that labels feedback: its customers, their uploads over the day, and nightly jobs.

All customers share four models, two bags of words and two transformers, and each customer has one
custom model. Every upload uses all five. Seeded, so that each scaling policy gets the same uploads.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

DAY, HOUR = 86_400.0, 3600.0
SHARED = ("bow-1", "bow-2", "transformer-1", "transformer-2")
# rows a second that a customer uploads on average, in the busiest hour: 10,000 of 500 customers
PEAK = 20.0
# the share of uploads that are small: a median of 200 rows; of the others 50,000, a few of a
# million
SMALL = 0.75
# the share of customers whose last week is scored again in a night, by a new version of their model
NIGHTLY = 0.1


@dataclass(frozen=True)
class ModelFigures:
    """Rate, start-up time and memory of one model. docs/autoscaling.md has the sources."""

    name: str
    rate: float  # rows a second on one core
    start_seconds: float  # from the start of a worker to its first score
    memory: float  # GB of a worker with this model alone
    load_seconds: float  # in a running process with other models
    added_memory: float  # GB in a process with other models


def model_figures(name: str) -> ModelFigures:
    if name.startswith("bow"):
        return ModelFigures(
            name, rate=8000, start_seconds=2.0, memory=0.32, load_seconds=2.0, added_memory=0.03
        )
    return ModelFigures(
        name, rate=300, start_seconds=1.7, memory=0.4, load_seconds=0.3, added_memory=0.16
    )


@dataclass
class SimulatedJob:
    """An upload, or a week of one customer to be scored again."""

    at: float  # seconds from the start
    rows: int
    urgency: int  # 0: a short upload, 1: a long one, 2: nightly
    models: tuple[str, ...]
    remaining_rows: int = 0  # rows times models that are not scored; the simulation updates it


@dataclass(frozen=True)
class Company:
    """The number of customers on the first and last day, and the kind of their custom models.

    The number grows by the same factor each day.
    """

    first: int
    last: int
    days: int
    custom_kind: str = "transformer"  # or bow

    def customers(self, now: float) -> int:
        return round(self.first * (self.last / self.first) ** (now / (self.days * DAY)))

    def custom_model(self, customer: int) -> str:
        return f"{self.custom_kind}-of-{customer}"


def hourly_load(hour: float) -> float:
    """Return the load of an hour against the busiest: 1 at 13:00, a tenth in the night."""
    return float(0.1 + 0.9 * np.exp(-(((hour - 13) / 3.5) ** 2)))


def list_jobs(company: Company, seed: int = 1) -> list[SimulatedJob]:
    """Return all jobs of the company, in the order of their arrival."""
    return sorted(_jobs(company, np.random.default_rng(seed)), key=lambda job: job.at)


def _jobs(company: Company, random: np.random.Generator) -> Iterator[SimulatedJob]:
    relative_sizes = random.lognormal(0.0, 1.0, 10_000)  # a few customers upload most
    relative_sizes /= relative_sizes.mean()
    mean_rows = float(np.mean(_sizes(100_000, random)))
    a_day = PEAK * HOUR * sum(hourly_load(hour + 0.5) for hour in range(24))
    for hour in range(company.days * 24):
        customers = company.customers(hour * HOUR)
        load = hourly_load(hour % 24 + 0.5)
        uploads = random.poisson(customers * load * PEAK * HOUR / mean_rows)
        weights = relative_sizes[:customers] / relative_sizes[:customers].sum()
        uploading = random.choice(customers, uploads, p=weights)
        for at, customer, rows in zip(
            random.uniform(0, HOUR, uploads), uploading, _sizes(uploads, random), strict=True
        ):
            yield SimulatedJob(
                hour * HOUR + float(at),
                int(rows),
                int(rows > 4096),
                (*SHARED, company.custom_model(customer)),
            )
        if hour % 24 == 1:
            for customer in np.flatnonzero(random.uniform(size=customers) < NIGHTLY):
                rows = int(7 * a_day * min(relative_sizes[customer], 10.0))
                yield SimulatedJob(hour * HOUR, rows, 2, (company.custom_model(int(customer)),))


def _sizes(count: int, random: np.random.Generator) -> np.ndarray:
    small = random.lognormal(np.log(200), 1.0, count).clip(1, 4096)
    large = random.lognormal(np.log(50_000), 1.2, count).clip(4097, 1_000_000)
    return np.where(random.uniform(size=count) < SMALL, small, large).astype(int)
