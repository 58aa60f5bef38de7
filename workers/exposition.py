"""What the metrics endpoint says, in the text format of Prometheus. Pure.

The gauges of the Prometheus client are made anew for each answer, on a registry of their own: the board is the truth,
and this process keeps no figures.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tasks.demand import Demand
from tasks.roster import State, Worker
from workers.limits import Limits
from workers.replicas import workers_wanted


def exposition(
    demand: Sequence[Demand], workers: Sequence[Worker], limits: Callable[[str], Limits], now: float
) -> bytes:
    """Demand and pools as gauges with the label `model`. `now` is in seconds since 1970."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges([*_of_demand(demand, limits, now), *_of_workers(demand, workers)]))
    return generate_latest(registry)


class _Gauges(Collector):
    def __init__(self, gauges: Iterable[GaugeMetricFamily]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._gauges


def _of_demand(demand: Sequence[Demand], limits: Callable[[str], Limits], now: float) -> Iterator[GaugeMetricFamily]:
    rows = GaugeMetricFamily("chorus_rows_waiting", "Rows asked for and not yet scored.", labels=["model", "class"])
    for one in demand:
        for name, count in (("urgent", one.urgent), ("bulk", one.bulk), ("nightly", one.nightly)):
            rows.add_metric([one.model, name], count)
    yield rows
    oldest = {one.model: max(0.0, now - one.oldest) if one.rows else 0.0 for one in demand}
    yield _each("chorus_oldest_age_seconds", "Age of the oldest job that waits for the model.", oldest)
    yield _each(
        "chorus_worker_rows_per_second",
        "Rows a second that one worker scores.",
        {one.model: one.rate for one in demand},
    )
    yield _each(
        "chorus_worker_start_seconds",
        "From the start of a worker to its first score.",
        {one.model: one.start_seconds for one in demand},
    )
    yield _each("chorus_worker_memory_bytes", "Memory of one worker.", {one.model: one.memory for one in demand})
    yield _each(
        "chorus_workers_wanted",
        "Workers that would score in time what waits, if there were room for all.",
        {one.model: workers_wanted(one, limits(one.model)) for one in demand},
    )


def _of_workers(demand: Sequence[Demand], workers: Sequence[Worker]) -> Iterator[GaugeMetricFamily]:
    """Also the zeros: a pool that has gone should be seen to be empty, not end where it was."""
    models = sorted({one.model for one in demand} | {worker.model for worker in workers})
    states = Counter((worker.model, worker.state) for worker in workers)
    there = GaugeMetricFamily("chorus_workers", "Workers by what they do.", labels=["model", "state"])
    for model in models:
        for state in get_args(State):
            there.add_metric([model, state], states[model, state])
    yield there
    memory = dict.fromkeys(models, 0)
    for worker in workers:
        memory[worker.model] += worker.memory
    yield _each("chorus_workers_memory_bytes", "Memory of all workers of the model.", memory)


def _each(name: str, meaning: str, values: dict[str, float] | dict[str, int]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, meaning, labels=["model"])
    for model, value in values.items():
        gauge.add_metric([model], value)
    return gauge
