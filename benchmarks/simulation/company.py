"""A company that labels feedback: its customers, what they upload over the day, and what is scored
again at night.

Four models are shared by all customers, two bags of words and two transformers, and each customer
has a model of its own. Every upload asks all five. Seeded, so that each way to run the models gets
the same uploads.
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
class Model:
    """What one model takes. The sources are in docs/autoscaling.md."""

    name: str
    rate: float  # rows a second on one core
    start_seconds: float  # a worker of its own, from nothing to the first score
    memory: float  # GB of a worker of its own
    load_seconds: float  # in a process that is there and has other models
    further: float  # GB in a process that has other models


def model(name: str) -> Model:
    if name.startswith("bow"):
        return Model(
            name, rate=8000, start_seconds=2.0, memory=0.32, load_seconds=2.0, further=0.03
        )
    return Model(name, rate=300, start_seconds=1.7, memory=0.4, load_seconds=0.3, further=0.16)


@dataclass
class Job:
    """An upload, or a week of one customer to be scored again."""

    at: float  # seconds from the start
    rows: int
    urgency: int  # 0: a short upload, 1: a long one, 2: nightly
    models: tuple[str, ...]
    left: int = 0  # rows times models that are not scored yet; kept by the simulation


@dataclass(frozen=True)
class Company:
    """So many customers at first and at last, with the same growth each day; and what their own
    models are.
    """

    first: int
    last: int
    days: int
    own: str = "transformer"  # or bow

    def customers(self, now: float) -> int:
        return round(self.first * (self.last / self.first) ** (now / (self.days * DAY)))

    def own_model(self, customer: int) -> str:
        return f"{self.own}-of-{customer}"


def of_day(hour: float) -> float:
    """How busy an hour is, against the busiest: at one in the afternoon ten times as much as in the
    dead of night.
    """
    return float(0.1 + 0.9 * np.exp(-(((hour - 13) / 3.5) ** 2)))


def jobs(company: Company, seed: int = 1) -> list[Job]:
    """All that is asked for, in the order of time."""
    return sorted(_jobs(company, np.random.default_rng(seed)), key=lambda job: job.at)


def _jobs(company: Company, random: np.random.Generator) -> Iterator[Job]:
    size = random.lognormal(0.0, 1.0, 10_000)  # a few customers upload most
    size /= size.mean()
    mean_rows = float(np.mean(_sizes(100_000, random)))
    a_day = PEAK * HOUR * sum(of_day(hour + 0.5) for hour in range(24))
    for hour in range(company.days * 24):
        there = company.customers(hour * HOUR)
        busy = of_day(hour % 24 + 0.5)
        uploads = random.poisson(there * busy * PEAK * HOUR / mean_rows)
        weights = size[:there] / size[:there].sum()
        who = random.choice(there, uploads, p=weights)
        for at, customer, rows in zip(
            random.uniform(0, HOUR, uploads), who, _sizes(uploads, random), strict=True
        ):
            yield Job(
                hour * HOUR + float(at),
                int(rows),
                int(rows > 4096),
                (*SHARED, company.own_model(customer)),
            )
        if hour % 24 == 1:
            for customer in np.flatnonzero(random.uniform(size=there) < NIGHTLY):
                rows = int(7 * a_day * min(size[customer], 10.0))
                yield Job(hour * HOUR, rows, 2, (company.own_model(int(customer)),))


def _sizes(count: int, random: np.random.Generator) -> np.ndarray:
    small = random.lognormal(np.log(200), 1.0, count).clip(1, 4096)
    large = random.lognormal(np.log(50_000), 1.2, count).clip(4097, 1_000_000)
    return np.where(random.uniform(size=count) < SMALL, small, large).astype(int)
