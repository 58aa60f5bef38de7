"""How many workers a model would have if there were room for all of them. Pure."""

from math import ceil

from tasks.planning.demand import Demand
from workers.autoscaling.limits import Limits


def workers_wanted(demand: Demand, limits: Limits) -> int:
    """Enough that what waits is scored within `limits.drain`, and between `min` and `max`; one at
    least for any row.

    1,000 rows at 5 rows a second and worker, to be gone in 60 seconds: ceil(1000 / (5 * 60)) == 4.
    A rate that nobody has measured or guessed (0) is worth one worker. No budget is asked: where
    pods are scheduled, the cluster has it.
    """
    drained = demand.rate * limits.drain  # rows that one worker takes off the backlog in time
    needed = ceil(demand.rows / drained) if drained > 0 else min(1, demand.rows)
    return max(limits.min, needed if limits.max is None else min(needed, limits.max))
