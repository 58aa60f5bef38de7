"""The models and bridges of a service as objects of JSON: demand, workers, messages."""

import time
from collections import Counter
from collections.abc import Sequence

from redis.exceptions import RedisError

from storage.places.place import Place
from tasks.board.board import Board
from tasks.board.bridge_roster import Bridge, BridgeRoster
from tasks.board.roster import Roster, Worker
from tasks.planning.demand import Demand, read_demand

_WORKER_STATES = ("starting", "busy", "idle", "stopping")


def model_statuses(place: Place, board: Board | None) -> list[dict[str, object]]:
    """Return the demand and the workers of every model that has any.

    Empty where no service runs, or its broker is unreachable.
    """
    if board is None:
        return []
    try:
        workers = [worker for worker in Roster(board).workers() if worker.model]
        demands = read_demand(place, board, {worker.model for worker in workers})
    except RedisError:
        return []
    return [
        _model_status(each, [worker for worker in workers if worker.model == each.model])
        for each in demands
    ]


def _model_status(model: Demand, workers: Sequence[Worker]) -> dict[str, object]:
    states: Counter[str] = Counter(worker.state for worker in workers)
    return {
        "model": model.model,
        "rows waiting": model.rows,
        "urgent": model.urgent,
        "nightly": model.nightly,
        "oldest, s": round(time.time() - model.oldest, 1) if model.rows else None,
        "rows/s a worker": round(model.rate, 1),
        "MB a worker": model.memory // 10**6,
        **{state: states[state] for state in _WORKER_STATES},
    }


def bridge_statuses(board: Board | None) -> list[dict[str, object]]:
    """Return the state of every bridge that takes messages in; empty as for models."""
    try:
        return [_bridge_status(each) for each in BridgeRoster(board).all()] if board else []
    except RedisError:
        return []


def _bridge_status(bridge: Bridge) -> dict[str, object]:
    return {
        "bridge": bridge.id,
        "subscription": bridge.subscription,
        "state": bridge.state,
        "for, s": round(time.time() - bridge.since),
        "messages held": bridge.held,
        "error": bridge.error or None,
    }
