"""The time from a job's arrival to its first labelled part, by stage."""

from storage.records.jobs import Startup, StartupStages
from tasks.board.board import Board
from tasks.board.job_facts import FirstScores


def read_startup(board: Board, job: str) -> Startup:
    """Return what the board knows of a job's start.

    The times come from the clocks of several machines; no stage is less than 0.
    """
    arrival = board.arrival(job)
    if arrival is None:
        return Startup()
    return Startup(
        first_part=None
        if arrival.first_part is None
        else max(0.0, arrival.first_part - arrival.since),
        models={
            model: startup_stages(arrival.since, first)
            for model, first in sorted(board.first_scores(job).items())
        },
    )


def startup_stages(since: float, first: FirstScores) -> StartupStages:
    """Return the seconds of each stage before a model's first scores. Pure.

    `since`: when the job arrived, in seconds since 1970; what a worker did before does not count.

        arrived 0, spawned 1, loading 3 to 4, taken from the queue 3.5, scored 6:
        waiting 1, starting 2, loading 1, scoring 2
    """
    scored = max(since, first.scored)
    spawned = _clamp(since, first.spawned, scored)
    loading = _clamp(spawned, first.loading, scored)
    loaded = _clamp(loading, first.loaded, scored)
    started = _clamp(loaded, first.taken, scored)
    return StartupStages(
        waiting=(spawned - since) + (started - loaded),
        starting=loading - spawned,
        loading=loaded - loading,
        scoring=scored - started,
    )


def _clamp(low: float, value: float, high: float) -> float:
    return max(low, min(value, high))
