"""Dispatch: move cells from the board into a model's queue, a few for each worker, in fair turns.

A queue that held whole jobs would make a small upload wait for a large one, and a lost message
could not be told from one that waits. So cells stay on the board until a worker can soon take them.
Dispatch runs at each submission, after each scored cell, and in the reconciler.

A model's jobs wait in lanes (`rank|customer`). Turns count cells: the lane with the fewest is next,
and a new lane starts at the lowest count that waits. Customers take turns, and so do the jobs of a
customer; a higher rank waits until no lower one has cells left. A customer's nightly jobs run in
the order of their feedback, the oldest first: later feedback then reuses its scores
(tasks.planning.score_reuse).
"""

import base64
import json
import logging
from collections.abc import Iterable
from functools import lru_cache
from math import ceil
from typing import Any, cast

from redis import Redis

from storage.errors import ChorusError
from storage.places.place import Place
from storage.records.feedback import Dataset
from storage.records.jobs import Job
from tasks.board import keys
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.leases import leased_steps
from tasks.broker.step_messages import (
    CONTROL_QUEUE,
    SHORT_JOB_ROWS,
    CellId,
    ScoreCell,
    scoring_queue,
)
from tasks.planning.record_cache import dataset_of, job_of

SHORT_RANK, DEADLINE_RANK, BULK_RANK, NIGHTLY_RANK = range(4)

CELLS_PER_WORKER = 2  # cells dispatched for each worker: one is computed, one is read or written
_MAX_CELLS_PER_WORKER = 8  # cells for each worker, however fast it computes
_SHORT_CELLS_PER_WORKER = 4  # cells of short jobs on top of these
MAX_CONTROL_QUEUE = 64  # messages in the control queue above which no cells are dispatched

log = logging.getLogger(__name__)

_ENQUEUE = """
-- Job ARGV[3] of lane ARGV[2] has cells to dispatch. KEYS[1] want:<m>, KEYS[2] want:<m>:<lane>.
-- ARGV[1] turns that a rank spans; ARGV[4] the job's turn, if the jobs of its lane run in order.
local first = tonumber(string.sub(ARGV[2], 1, 1)) * tonumber(ARGV[1])
local last = first + tonumber(ARGV[1])
local lowest = redis.call('ZRANGE', KEYS[1], first, '(' .. string.format('%.0f', last),
                          'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
redis.call('ZADD', KEYS[1], 'NX', lowest[2] or first, ARGV[2])
local other = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
redis.call('ZADD', KEYS[2], 'NX', ARGV[4] or other[2] or 0, ARGV[3])
"""

_TAKE = """
-- Take a model's next cells. KEYS[1] want:<m>, KEYS[2] out:<m>, KEYS[3] out:<m>:short,
-- KEYS[4] roster:<m>, KEYS[5] hold:<m>, KEYS[6] each:<m>, KEYS[7] the control queue.
-- ARGV[1], ARGV[2], ARGV[3]: the keys want:<m>:<lane>, job:<job> and job:<job>:asked:<m>, with %s
-- for the field; ARGV[4] turns that a rank spans, ARGV[5] cells for each worker, ARGV[6] cells of
-- short jobs on top, ARGV[7] most messages in the control queue, ARGV[8] the rank whose jobs run in
-- order. Returns job, position, job, position, …
local rank = tonumber(ARGV[4])
local taken = {}
local paused = redis.call('EXISTS', KEYS[5]) == 1
if paused or redis.call('LLEN', KEYS[7]) > tonumber(ARGV[7]) then return taken end
local now = tonumber(redis.call('TIME')[1])
local workers = math.max(1, redis.call('ZCOUNT', KEYS[4], now, '+inf'))

local function take(from, to, out, most)
  while redis.call('SCARD', out) < most do
    local lane = redis.call('ZRANGE', KEYS[1], from, to, 'BYSCORE', 'LIMIT', 0, 1)[1]
    if not lane then return end
    local jobs = string.format(ARGV[1], lane)
    local job = redis.call('ZRANGE', jobs, 0, 0)[1]
    if not job then
      redis.call('ZREM', KEYS[1], lane)
    else
      local facts = redis.call('HMGET', string.format(ARGV[2], job), 'status', 'chunks')
      local queued = string.format(ARGV[3], job)
      local position = redis.call('BITPOS', queued, 0)
      if facts[1] ~= 'running' or position >= tonumber(facts[2]) then
        redis.call('ZREM', jobs, job)
      else
        redis.call('SETBIT', queued, position, 1)
        redis.call('SADD', out, job .. '/' .. position)
        redis.call('ZINCRBY', KEYS[1], 1, lane)
        if string.sub(lane, 1, 1) ~= ARGV[8] then redis.call('ZINCRBY', jobs, 1, job) end
        taken[#taken + 1] = job
        taken[#taken + 1] = position
      end
    end
  end
end

local bulk = string.format('%.0f', rank)
take('-inf', '(' .. bulk, KEYS[3], tonumber(ARGV[6]) * workers)
take(bulk, '+inf', KEYS[2], tonumber(redis.call('GET', KEYS[6]) or ARGV[5]) * workers)
return taken
"""

_RANK_TURNS = 10**12  # more turns than any job has chunks


def rank_of(job: Job, dataset: Dataset) -> int:
    """Return the job's rank, the lowest first.

    Live and short jobs come first, then jobs with a deadline, other uploads, and nightly work.
    """
    if job.priority == "nightly":
        return NIGHTLY_RANK
    if job.priority == "live" or dataset.rows <= SHORT_JOB_ROWS:
        return SHORT_RANK
    return BULK_RANK if job.deadline is None else DEADLINE_RANK


def lane_of(job: Job, dataset: Dataset) -> str:
    """Return the lane of the job: its rank and its customer."""
    return f"{rank_of(job, dataset)}|{job.customer}"


def enqueue_job(board: Board, job: Job, dataset: Dataset, model: str) -> None:
    """Let the job wait for dispatch: it has cells of this model that are not in flight."""
    lane = lane_of(job, dataset)
    in_order = [dataset.uploaded_at.timestamp()] if rank_of(job, dataset) == NIGHTLY_RANK else []
    _script(board.redis, _ENQUEUE)(
        keys=[board.key(keys.LANES, model), board.key(keys.LANE, model, lane)],
        args=[_RANK_TURNS, lane, job.id, *in_order],
    )


def dispatch(context: Context, model: str) -> None:
    """Publish the model's next cells, if its queue has room. Raises BrokerUnreachable, RedisError.

    A process that dies between taking cells and publishing them leaves them to the reconciler. A
    job that cannot be read is marked failed, and the caller's own job goes on.
    """
    board = context.board
    taken = _script(board.redis, _TAKE)(
        keys=[
            board.key(keys.LANES, model),
            *board.outstanding_keys(model),
            *(
                board.key(key, model)
                for key in (keys.ROSTER_OF_MODEL, keys.PAUSED, keys.CELLS_PER_WORKER)
            ),
            board.key(keys.QUEUE, CONTROL_QUEUE),
        ],
        args=[
            board.key(keys.LANE, model, "%s"),
            board.key(keys.JOB, "%s"),
            board.key(keys.DISPATCHED, "%s", model),
            _RANK_TURNS,
            CELLS_PER_WORKER,
            _SHORT_CELLS_PER_WORKER,
            MAX_CONTROL_QUEUE,
            NIGHTLY_RANK,
        ],
    )
    for name, position in zip(taken[::2], taken[1::2], strict=True):
        try:
            cell = cell_of(context.place, name.decode(), int(position), model)
        except ChorusError as error:
            log.warning("the job cannot be read: %s", error, extra={"job": name.decode()})
            board.mark_ended(name.decode(), "failed", str(error))
        else:
            context.publish(cell)
            log.info("dispatched", extra=vars(cell))


def cell_of(place: Place, name: str, position: int, model: str) -> ScoreCell:
    """Return the cell of a job's chunk under one of its models. Raises Absent, BadRecord."""
    job = job_of(place, name)
    version = next(member.version for member in job.models if member.name == model)
    cell = CellId(dataset_of(place, job).chunks[position].id, model, version)
    return ScoreCell.for_job(name, cell)


def cells_per_worker(rate: float, chunk_rows: int, wait_seconds: float) -> int:
    """Return how many cells to dispatch for each worker, so that it never waits for storage. Pure.

    One cell is computed. The others are read or written meanwhile: as many as the worker computes
    in the `wait_seconds` that reading and writing a cell take. `rate`: rows that it computes a
    second.

    >>> [cells_per_worker(rate, 4096, 0.5) for rate in (450, 12_000, 1_000_000)]
    [2, 3, 8]
    """
    return min(
        _MAX_CELLS_PER_WORKER, max(CELLS_PER_WORKER, 1 + ceil(wait_seconds * rate / chunk_rows))
    )


def set_cells_per_worker(board: Board, model: str, cells: int) -> None:
    """Set how many cells are dispatched for each worker of the model."""
    board.redis.set(board.key(keys.CELLS_PER_WORKER, model), cells)


def pause_dispatch(board: Board, model: str, seconds: float) -> None:
    """Dispatch no cells of the model for so long, so that its workers become idle."""
    board.redis.set(board.key(keys.PAUSED, model), 1, px=int(seconds * 1000))


def queued_arguments(board: Board, queue: str) -> list[dict[str, Any]]:
    """Return the arguments of the messages that wait in a queue.

    A message is kombu's envelope around Celery's, both JSON.
    """
    messages = cast("list[bytes]", board.redis.lrange(board.key(keys.QUEUE, queue), 0, -1))
    return [_arguments(message) for message in messages]


def cells_in_flight(board: Board, model: str, cells: Iterable[ScoreCell]) -> set[tuple[str, str]]:
    """Return (job, chunk) of every cell that waits in the model's queue, and of leased `cells`.

    The queue is read before the leases, because a cell goes from the one to the other. Between
    them it is in neither for a moment.
    """
    arguments = queued_arguments(board, scoring_queue(model))
    queued = {(each["job"], each["chunk"]) for each in arguments}
    steps = {(cell.job, cell.chunk): cell.step for cell in cells}
    leased = leased_steps(board, {steps[cell] for cell in steps.keys() - queued})
    return queued | {cell for cell, step in steps.items() if step in leased}


def _arguments(message: bytes) -> dict[str, Any]:
    _, arguments, _ = json.loads(base64.b64decode(json.loads(message)["body"]))
    return cast("dict[str, Any]", arguments)


@lru_cache(16)
def _script(redis: Redis, source: str) -> Any:  # Any: redis has no types for scripts
    return redis.register_script(source)
