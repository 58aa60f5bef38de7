"""How many workers a model needs so that its rows are scored in time, and which model is next.
Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, inf

from tasks.board.roster import Worker
from tasks.planning.demand import Demand
from workers.autoscaling.limits import Limits

NIGHTLY_SECONDS = (
    # seconds that nightly rows may take beyond `drain`: nobody waits for them, and fewer workers
    # cost less
    1800.0
)
# seconds that urgent rows are ahead of bulk, of nightly, and of none at all
HEAD_START = (0.0, 300.0, 1800.0, inf)


class ModelWorkload:
    """The demand for one model, beside its workers on all machines."""

    def __init__(
        self,
        name: str,
        demand: Demand | None,
        workers: Sequence[Worker],
        limits: Limits,
        now: float,
    ) -> None:
        self.name, self.demand, self.limits = name, demand, limits
        self.staying = [worker for worker in workers if worker.state != "stopping"]
        self.rows, self.missing, self.needed = 0, 0, limits.min
        classes: tuple[int, ...] = ()
        if demand:
            self.rows, classes = demand.rows, (demand.urgent, demand.bulk, demand.nightly)
            up_in = [_up_in(worker, demand, now) for worker in self.staying]
            self.needed = max(
                limits.min, missing_workers(demand, (), 0.0, limits, now)
            )  # if all were up
            self.missing = max(
                limits.min - len(up_in),
                missing_workers(demand, up_in, demand.start_seconds, limits, now),
            )
        if limits.max is not None:
            self.missing = min(self.missing, limits.max - len(workers))
        # 0: the most urgent
        self.urgency = next((place for place, rows in enumerate(classes) if rows), len(classes))
        self.turn = (
            self._last_served(now) + HEAD_START[self.urgency]
        )  # the smallest is served first

    @property
    def wanted(self) -> int:
        """Workers that the model should have on all machines, if there were room for all.

        Those that stay plus the missing ones; without missing ones, those that are needed.
        """
        if self.missing > 0:
            return len(self.staying) + self.missing
        most = self.limits.max
        return self.needed if most is None else min(self.needed, most)

    def stoppable(self, workers: Iterable[Worker], keep: int) -> list[Worker]:
        """Return which of the workers may stop if `keep` of all stay.

        Idle ones come first, those that have been idle longest in front.
        """
        oldest_first = sorted(workers, key=lambda worker: (worker.state != "idle", worker.since))
        return oldest_first[: max(0, len(self.staying) - keep)]

    def _last_served(self, now: float) -> float:
        """Return when a worker of it last had work; before the first, when it was requested."""
        if self.demand is None or any(worker.state == "busy" for worker in self.staying):
            return now
        return max(self.demand.oldest, self.demand.last_served)


def workers_wanted(demand: Demand, workers: Sequence[Worker], limits: Limits, now: float) -> int:
    """Return how many workers a model should have, for KEDA and Prometheus.

    It is the formula of `scale` without a machine's budget: where pods are scheduled, the cluster
    has the budget. `workers`: those of the model on all machines; `now`: in seconds since 1970.
    """
    return ModelWorkload(demand.model, demand, workers, limits, now).wanted


def missing_workers(
    demand: Demand, up_in: Sequence[float], new_in: float, limits: Limits, now: float
) -> int:
    """Return how many new workers are needed beside the present ones.

    The present ones are up in `up_in` seconds each, new ones in `new_in` seconds. At least one is
    needed if there are rows and no worker, and none for work that the present ones finish in time.
    The horizon is never less than two starts: work that is done before a new worker is up needs no
    new worker, and a deadline that has passed does not take every worker. 300 rows a second, 2 s to
    start, 60 s to drain:

        missing_workers(demand(rows=100_000), up_in=[], new_in=2) == 6
        missing_workers(demand(rows=100_000), up_in=[0, 0, 0, 0, 0, 1.5], new_in=2) == 0
    """
    if not demand.rows:
        return 0
    missing = 0 if up_in else 1
    for rows, wished in _goals(demand, limits, now):
        within = max(wished, 2 * demand.start_seconds, 1.0)
        rate = max(demand.rate, 1e-3)
        left = rows - rate * sum(max(0.0, within - seconds) for seconds in up_in)
        missing = max(missing, ceil(left / (rate * (within - new_in))))
    return missing


def _goals(demand: Demand, limits: Limits, now: float) -> Iterator[tuple[int, float]]:
    """Yield rows and the seconds within which they should be scored, the most urgent first."""
    if demand.deadline is not None:
        yield demand.urgent, min(limits.drain, demand.deadline - now)
    yield demand.urgent + demand.bulk, limits.drain
    yield demand.rows, limits.drain + (NIGHTLY_SECONDS if demand.nightly else 0.0)


def _up_in(worker: Worker, demand: Demand, now: float) -> float:
    return (
        max(0.0, worker.started + demand.start_seconds - now) if worker.state == "starting" else 0.0
    )
