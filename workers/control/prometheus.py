"""The metrics in the text format of Prometheus. Pure.

They are made anew for each response, on a registry of their own: the board has the figures, this
process has none.
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
    """Demand, workers and messages, as the board has them at one moment."""

    demand: Sequence[Demand] = ()
    workers: Sequence[Worker] = ()
    traffic: MessageTraffic = field(default_factory=MessageTraffic)

    def workers_wanted(self, demand: Demand, limits: Limits, now: float) -> int:
        """Return how many workers a model should have in all, those included that it has."""
        workers = [worker for worker in self.workers if worker.model == demand.model]
        return workers_wanted(demand, workers, limits, now)


def prometheus_text(snapshot: BoardSnapshot, limits: Callable[[str], Limits], now: float) -> bytes:
    """Return demand and workers as gauges with the label `model`, and messages.

    `now` is in seconds since 1970.
    """
    registry = CollectorRegistry(auto_describe=False)
    pools = (
        *_demand_metrics(snapshot, limits, now),
        *_worker_metrics(snapshot.demand, snapshot.workers),
    )
    registry.register(_Metrics([*pools, *_message_metrics(snapshot.traffic)]))
    return generate_latest(registry)


class _Metrics(Collector):
    """A collector of metrics that were made already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


def _demand_metrics(
    snapshot: BoardSnapshot, limits: Callable[[str], Limits], now: float
) -> Iterator[GaugeMetricFamily]:
    demands = snapshot.demand
    rows = GaugeMetricFamily(
        "chorus_rows_waiting",
        "Rows that running jobs want and that are not scored yet.",
        labels=["model", "class"],
    )
    for demand in demands:
        for name, count in (
            ("urgent", demand.urgent),
            ("bulk", demand.bulk),
            ("nightly", demand.nightly),
        ):
            rows.add_metric([demand.model, name], count)
    yield rows
    oldest = {
        demand.model: max(0.0, now - demand.oldest) if demand.rows else 0.0 for demand in demands
    }
    yield _gauge_by_model(
        "chorus_oldest_age_seconds", "Age of the oldest job that waits for the model.", oldest
    )
    yield _gauge_by_model(
        "chorus_worker_rows_per_second",
        "Rows a second that one worker scores.",
        {demand.model: demand.rate for demand in demands},
    )
    yield _gauge_by_model(
        "chorus_worker_start_seconds",
        "From the start of a worker to its first score.",
        {demand.model: demand.start_seconds for demand in demands},
    )
    yield _gauge_by_model(
        "chorus_worker_memory_bytes",
        "Memory of one worker.",
        {demand.model: demand.memory for demand in demands},
    )
    yield _gauge_by_model(
        "chorus_workers_wanted",
        "Workers that would score the waiting rows in time, if there is capacity for all.",
        {
            demand.model: snapshot.workers_wanted(demand, limits(demand.model), now)
            for demand in demands
        },
    )


def _worker_metrics(
    demands: Sequence[Demand], workers: Sequence[Worker]
) -> Iterator[GaugeMetricFamily]:
    """Yield the gauges of workers, also for models without workers (0)."""
    models = sorted({demand.model for demand in demands} | {worker.model for worker in workers})
    states = Counter((worker.model, worker.state) for worker in workers)
    gauge = GaugeMetricFamily("chorus_workers", "Workers by state.", labels=["model", "state"])
    for model in models:
        for state in get_args(State):
            gauge.add_metric([model, state], states[model, state])
    yield gauge
    memory = dict.fromkeys(models, 0)
    for worker in workers:
        memory[worker.model] += worker.memory
    yield _gauge_by_model(
        "chorus_workers_memory_bytes", "Memory of all workers of the model.", memory
    )


def _message_metrics(traffic: MessageTraffic) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "chorus_bridge_up", "1: pulls; 0: its stream ended.", labels=["bridge", "subscription"]
    )
    held = GaugeMetricFamily(
        "chorus_messages_held",
        "Messages that a bridge received and has not settled yet.",
        labels=["bridge"],
    )
    for bridge in traffic.bridges:
        up.add_metric([bridge.id, bridge.subscription], bridge.state == "pulling")
        held.add_metric([bridge.id], bridge.held)
    messages = CounterMetricFamily("chorus_messages", "Messages by outcome.", labels=["outcome"])
    for outcome in OUTCOMES:
        messages.add_metric([outcome], traffic.outcomes.get(outcome, 0))
    results = GaugeMetricFamily(
        "chorus_results_waiting", "Jobs whose results are not all published."
    )
    results.add_metric([], traffic.unpublished)
    yield from (up, held, messages, results)


def _gauge_by_model(
    name: str, meaning: str, values: dict[str, float] | dict[str, int]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, meaning, labels=["model"])
    for model, value in values.items():
        gauge.add_metric([model], value)
    return gauge
