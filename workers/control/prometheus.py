"""The metrics in the text format of Prometheus. Pure.

The metrics of the Prometheus client are made for each answer, on a registry of their own: the board
is the source, and this process keeps no figures.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tasks.board.bridge_roster import OUTCOMES, MessageTraffic
from tasks.board.roster import State, Worker
from tasks.planning.demand import Demand
from workers.autoscaling.limits import Limits
from workers.autoscaling.model_workload import workers_wanted


@dataclass(frozen=True)
class BoardSnapshot:
    """Demand, workers and messages by the board at one moment."""

    demand: Sequence[Demand] = ()
    workers: Sequence[Worker] = ()
    traffic: MessageTraffic = field(default_factory=MessageTraffic)

    def workers_wanted(self, demand: Demand, limits: Limits, now: float) -> int:
        """Return how many workers a model should have, beside those that it has."""
        workers = [worker for worker in self.workers if worker.model == demand.model]
        return workers_wanted(demand, workers, limits, now)


def prometheus_text(snapshot: BoardSnapshot, limits: Callable[[str], Limits], now: float) -> bytes:
    """Return demand and workers as gauges with the label `model`, and messages.

    `now` is in seconds since 1970.
    """
    registry = CollectorRegistry(auto_describe=False)
    pools = (*_of_demand(snapshot, limits, now), *_of_workers(snapshot.demand, snapshot.workers))
    registry.register(_Metrics([*pools, *_of_messages(snapshot.traffic)]))
    return generate_latest(registry)


class _Metrics(Collector):
    """A collector of metrics that were made already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


def _of_demand(
    seen: BoardSnapshot, limits: Callable[[str], Limits], now: float
) -> Iterator[GaugeMetricFamily]:
    demand = seen.demand
    rows = GaugeMetricFamily(
        "chorus_rows_waiting", "Rows asked for and not yet scored.", labels=["model", "class"]
    )
    for one in demand:
        for name, count in (("urgent", one.urgent), ("bulk", one.bulk), ("nightly", one.nightly)):
            rows.add_metric([one.model, name], count)
    yield rows
    oldest = {one.model: max(0.0, now - one.oldest) if one.rows else 0.0 for one in demand}
    yield _each(
        "chorus_oldest_age_seconds", "Age of the oldest job that waits for the model.", oldest
    )
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
    yield _each(
        "chorus_worker_memory_bytes",
        "Memory of one worker.",
        {one.model: one.memory for one in demand},
    )
    yield _each(
        "chorus_workers_wanted",
        "Workers that would score in time what waits, if there were room for all.",
        {one.model: seen.workers_wanted(one, limits(one.model), now) for one in demand},
    )


def _of_workers(demand: Sequence[Demand], workers: Sequence[Worker]) -> Iterator[GaugeMetricFamily]:
    """Yield the gauges of workers, zeros included, so that an empty pool is seen to be empty."""
    models = sorted({one.model for one in demand} | {worker.model for worker in workers})
    states = Counter((worker.model, worker.state) for worker in workers)
    gauge = GaugeMetricFamily(
        "chorus_workers", "Workers by what they do.", labels=["model", "state"]
    )
    for model in models:
        for state in get_args(State):
            gauge.add_metric([model, state], states[model, state])
    yield gauge
    memory = dict.fromkeys(models, 0)
    for worker in workers:
        memory[worker.model] += worker.memory
    yield _each("chorus_workers_memory_bytes", "Memory of all workers of the model.", memory)


def _of_messages(traffic: MessageTraffic) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "chorus_bridge_up", "1: pulls; 0: its stream ended.", labels=["bridge", "subscription"]
    )
    held = GaugeMetricFamily(
        "chorus_messages_held", "Messages in the hands of a bridge.", labels=["bridge"]
    )
    for bridge in traffic.bridges:
        up.add_metric([bridge.id, bridge.subscription], bridge.state == "pulling")
        held.add_metric([bridge.id], bridge.held)
    messages = CounterMetricFamily(
        "chorus_messages", "Messages by what became of them.", labels=["outcome"]
    )
    for outcome in OUTCOMES:
        messages.add_metric([outcome], traffic.outcomes.get(outcome, 0))
    results = GaugeMetricFamily(
        "chorus_results_waiting", "Jobs whose results are not all published."
    )
    results.add_metric([], traffic.unpublished)
    yield from (up, held, messages, results)


def _each(name: str, meaning: str, values: dict[str, float] | dict[str, int]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, meaning, labels=["model"])
    for model, value in values.items():
        gauge.add_metric([model], value)
    return gauge
