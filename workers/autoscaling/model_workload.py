"""The workload of a model: how many workers it needs, and since when it waits. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, inf

from tasks.board.roster import Worker
from tasks.planning.demand import Demand
from workers.autoscaling.limits import Limits

# Seconds that nightly rows may take beyond `drain`: no person waits for them, and fewer workers
# cost less.
NIGHTLY_SECONDS = 1800.0
# Seconds that urgent rows are ahead of these: urgent, bulk, nightly, no rows.
HEAD_START = (0.0, 300.0, 1800.0, inf)


class ModelWorkload:
    """The demand for one model, with its workers on all machines.

    rows:           rows that are not scored yet
    active:         its workers that are not stopping
    needed:         workers that its rows need if all of them are ready
    missing:        workers to start beside the active ones; 0 or less: none
    urgency:        0 if it has urgent rows, 1 if bulk is the most urgent, 2 nightly, 3 no rows
    waiting_since:  when a worker of it last had work, plus HEAD_START; the smallest comes first
    """

    def __init__(
        self,
        name: str,
        demand: Demand | None,
        workers: Sequence[Worker],
        limits: Limits,
        now: float,
    ) -> None:
        self.name, self.demand, self.limits = name, demand, limits
        self.active = [worker for worker in workers if worker.state != "stopping"]
        self.rows, self.missing, self.needed = 0, 0, limits.min
        rows_by_urgency: tuple[int, ...] = ()
        if demand:
            self.rows = demand.rows
            rows_by_urgency = (demand.urgent, demand.bulk, demand.nightly)
            ready_in = [_seconds_until_ready(worker, demand, now) for worker in self.active]
            self.needed = max(limits.min, missing_workers(demand, (), 0.0, limits, now))
            self.missing = max(
                limits.min - len(ready_in),
                missing_workers(demand, ready_in, demand.start_seconds, limits, now),
            )
        if limits.max is not None:
            self.missing = min(self.missing, limits.max - len(workers))
        self.urgency = next(
            (urgency for urgency, rows in enumerate(rows_by_urgency) if rows), len(rows_by_urgency)
        )
        self.waiting_since = self._last_served(now) + HEAD_START[self.urgency]

    @property
    def wanted(self) -> int:
        """Number of workers that the model should have on all machines, if there is capacity.

        That is the active and the missing ones; if none is missing, those that it needs.
        """
        if self.missing > 0:
            return len(self.active) + self.missing
        return self.needed if self.limits.max is None else min(self.needed, self.limits.max)

    def stoppable(self, workers: Iterable[Worker], keep: int) -> list[Worker]:
        """Return which of the workers may stop if `keep` of all active ones stay.

        Idle ones come first, those that have been idle longest in front.
        """
        idle_first = sorted(workers, key=lambda worker: (worker.state != "idle", worker.since))
        return idle_first[: max(0, len(self.active) - keep)]

    def _last_served(self, now: float) -> float:
        """Return when a worker of the model last had work; if none had, when a job needed it."""
        if self.demand is None or any(worker.state == "busy" for worker in self.active):
            return now
        return max(self.demand.oldest, self.demand.last_served)


def workers_wanted(demand: Demand, workers: Sequence[Worker], limits: Limits, now: float) -> int:
    """Return how many workers a model should have, for KEDA and Prometheus.

    It is the formula of `scale` without a machine's budget: Kubernetes knows the capacity of the
    cluster. `workers`: those of the model on all machines; `now`: in seconds since 1970.
    """
    return ModelWorkload(demand.model, demand, workers, limits, now).wanted


def missing_workers(
    demand: Demand, ready_in: Sequence[float], new_ready_in: float, limits: Limits, now: float
) -> int:
    """Return how many workers to start so that all rows are scored in time.

    `ready_in` has the seconds until each of the present workers can score, `new_ready_in` is the
    same for a new one. A worker that can score in t seconds scores rate * (horizon - t) rows within
    the horizon. At least one worker is needed if there are rows and no worker; none is needed for
    rows that the present ones score in time.

    The horizon is never shorter than two starts: rows that are scored before a new worker is ready
    need no new worker, and a missed deadline does not claim every worker. With 300 rows a second,
    2 s to start and 60 s to drain:

        missing_workers(demand(rows=100_000), ready_in=[], new_ready_in=2) == 6
        missing_workers(demand(rows=100_000), ready_in=[0, 0, 0, 0, 0, 1.5], new_ready_in=2) == 0
    """
    if not demand.rows:
        return 0
    missing = 0 if ready_in else 1
    rate = max(demand.rate, 1e-3)
    for rows, seconds in _goals(demand, limits, now):
        horizon = max(seconds, 2 * demand.start_seconds, 1.0)
        remaining_rows = rows - rate * sum(max(0.0, horizon - ready) for ready in ready_in)
        missing = max(missing, ceil(remaining_rows / (rate * (horizon - new_ready_in))))
    return missing


def _goals(demand: Demand, limits: Limits, now: float) -> Iterator[tuple[int, float]]:
    """Yield rows and the seconds within which they should be scored, the most urgent first."""
    if demand.deadline is not None:
        yield demand.urgent, min(limits.drain, demand.deadline - now)
    yield demand.urgent + demand.bulk, limits.drain
    yield demand.rows, limits.drain + (NIGHTLY_SECONDS if demand.nightly else 0.0)


def _seconds_until_ready(worker: Worker, demand: Demand, now: float) -> float:
    if worker.state != "starting":
        return 0.0
    return max(0.0, worker.started + demand.start_seconds - now)
