"""Who is asked next? Every model's queue holds a few cells of all that are wanted, taken fairly
from its jobs.

A queue that held whole jobs would make a small upload wait for a large one, and nobody could tell a
lost message from one that waits its turn. So cells stay on the board until somebody can soon work
on them. Whoever has room in a queue takes the next: workers after each cell, the reconciler, who
submits.

Keys of a model m, below the board's prefix:

    want:<m>               sorted set: lane → its turn; a lane is `rank|customer` of the jobs with cells to be asked for
    want:<m>:<lane>        sorted set: job → its turn
    hold:<m>               is there while its workers are to fall idle (workers.autoscaling.policy)
    each:<m>               cells that a worker is asked for at once, if not two: where storage takes its time

Turns count cells: the lowest is next, a newcomer begins at the lowest that waits. Customers take
turns, and so do the jobs of one customer; a higher rank waits until no lower one has anything to
ask for. Of one customer's nightly jobs the oldest feedback comes first, all of it: what it shares
with later feedback is scored by then (tasks.planning.score_reuse).
"""

import base64
import json
import logging
from functools import lru_cache
from math import ceil
from typing import Any, cast

from redis import Redis

from storage.errors import ChorusError
from storage.places.place import Place
from storage.records.feedback import Dataset
from storage.records.jobs import Job
from tasks.board.board import Board
from tasks.broker.context import Context
from tasks.broker.step_messages import CONTROL, SHORT, ScoreCell, scoring_queue
from tasks.planning.record_cache import dataset_of, job_of

SHORT_RANK, DEADLINE_RANK, BULK_RANK, NIGHTLY_RANK = range(4)

EACH = 2  # cells that a worker is asked for at once: one computes, one is prepared or written
_MOST_EACH = 8
_SHORT_EACH = 4  # short ones on top of these
MOST_CONTROL = 64  # messages in the control queue above which no further cells are asked for

log = logging.getLogger(__name__)

_JOIN = """
-- Job ARGV[3] of lane ARGV[2] has cells to ask for. KEYS[1] want:<m>, KEYS[2] want:<m>:<lane>; ARGV[1] turns a rank;
-- ARGV[4] its place among the jobs of its lane, if these do not take turns.
local first = tonumber(string.sub(ARGV[2], 1, 1)) * tonumber(ARGV[1])
local last = first + tonumber(ARGV[1])
local lowest = redis.call('ZRANGE', KEYS[1], first, '(' .. string.format('%.0f', last),
                          'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
redis.call('ZADD', KEYS[1], 'NX', lowest[2] or first, ARGV[2])
local other = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
redis.call('ZADD', KEYS[2], 'NX', ARGV[4] or other[2] or 0, ARGV[3])
"""

_TAKE = """
-- Take the next cells of model ARGV[2], below the prefix ARGV[1]. KEYS[1] want:<m>, KEYS[2] out:<m>,
-- KEYS[3] out:<m>:short, KEYS[4] roster:<m>, KEYS[5] hold:<m>, KEYS[6] each:<m>, KEYS[7] the control queue.
-- ARGV[3] turns a rank, ARGV[4] cells a worker, ARGV[5] short ones on top, ARGV[6] most in the control queue;
-- ARGV[7] the rank whose jobs do not take turns.
-- Returns job, position, job, position, …
local prefix, model, rank = ARGV[1], ARGV[2], tonumber(ARGV[3])
local taken = {}
if redis.call('EXISTS', KEYS[5]) == 1 or redis.call('LLEN', KEYS[7]) > tonumber(ARGV[6]) then return taken end
local now = tonumber(redis.call('TIME')[1])
local workers = math.max(1, redis.call('ZCOUNT', KEYS[4], now, '+inf'))

local function take(from, to, out, most)
  while redis.call('SCARD', out) < most do
    local lane = redis.call('ZRANGE', KEYS[1], from, to, 'BYSCORE', 'LIMIT', 0, 1)[1]
    if not lane then return end
    local jobs = KEYS[1] .. ':' .. lane
    local job = redis.call('ZRANGE', jobs, 0, 0)[1]
    if not job then
      redis.call('ZREM', KEYS[1], lane)
    else
      local about = redis.call('HMGET', prefix .. 'job:' .. job, 'status', 'chunks')
      local asked = prefix .. 'job:' .. job .. ':asked:' .. model
      local position = redis.call('BITPOS', asked, 0)
      if about[1] ~= 'running' or position >= tonumber(about[2]) then
        redis.call('ZREM', jobs, job)
      else
        redis.call('SETBIT', asked, position, 1)
        redis.call('SADD', out, job .. '/' .. position)
        redis.call('ZINCRBY', KEYS[1], 1, lane)
        if string.sub(lane, 1, 1) ~= ARGV[7] then redis.call('ZINCRBY', jobs, 1, job) end
        taken[#taken + 1] = job
        taken[#taken + 1] = position
      end
    end
  end
end

local bulk = string.format('%.0f', rank)
take('-inf', '(' .. bulk, KEYS[3], tonumber(ARGV[5]) * workers)
take(bulk, '+inf', KEYS[2], tonumber(redis.call('GET', KEYS[6]) or ARGV[4]) * workers)
return taken
"""

_RANK_TURNS = 10**12  # more turns than any job has chunks


def rank_of(job: Job, dataset: Dataset) -> int:
    """Who goes first: what somebody waits for, what has to be done by a time, uploads, the night's
    work.
    """
    if job.priority == "nightly":
        return NIGHTLY_RANK
    if job.priority == "live" or dataset.rows <= SHORT:
        return SHORT_RANK
    return BULK_RANK if job.deadline is None else DEADLINE_RANK


def lane_of(job: Job, dataset: Dataset) -> str:
    return f"{rank_of(job, dataset)}|{job.customer}"


def enqueue_job(board: Board, job: Job, dataset: Dataset, model: str) -> None:
    """The job has cells of this model that nobody was asked for."""
    lane = lane_of(job, dataset)
    want = board.key("want", model)
    in_order = [dataset.since.timestamp()] if rank_of(job, dataset) == NIGHTLY_RANK else []
    _script(board.redis, _JOIN)(
        keys=[want, f"{want}:{lane}"], args=[_RANK_TURNS, lane, job.id, *in_order]
    )


def dispatch(context: Context, model: str) -> None:
    """Ask for the next cells of a model, if its queue has room. Raises BrokerUnreachable,
    RedisError.

    A process that dies in between has taken cells that nobody was told of; the reconciler finds
    them. A job that cannot be read fails by itself, and not with it the job of whoever asks.
    """
    board = context.board
    want = board.key("want", model)
    keys = [
        want,
        *board.outstanding_keys(model),
        *(board.key(what, model) for what in ("roster", "hold", "each")),
    ]
    taken = _script(board.redis, _TAKE)(
        keys=[*keys, board.prefix + CONTROL],
        args=[board.prefix, model, _RANK_TURNS, EACH, _SHORT_EACH, MOST_CONTROL, NIGHTLY_RANK],
    )
    for name, position in zip(taken[::2], taken[1::2], strict=True):
        try:
            cell = cell_of(context.place, name.decode(), int(position), model)
        except ChorusError as error:
            log.warning("a job that cannot be read: %s", error, extra={"job": name.decode()})
            board.mark_ended(name.decode(), "failed", str(error))
        else:
            context.publish(cell)


def cell_of(place: Place, name: str, position: int, model: str) -> ScoreCell:
    """The cell at this position of the job of this name. Raises Absent, BadRecord."""
    job = job_of(place, name)
    version = next(member.version for member in job.models if member.name == model)
    return ScoreCell(name, dataset_of(place, job).chunks[position].id, model, version)


def prefetch_cells(rate: float, chunk_rows: int, waits: float) -> int:
    """Cells that a worker is asked for at once, so that it never waits for storage. Pure.

    One computes; the others, as many as it computes in `waits` seconds of reading and writing a
    cell, are on their way. `rate`: rows that it computes a second.

    >>> [cells_each(rate, 4096, 0.5) for rate in (450, 12_000, 1_000_000)]
    [2, 3, 8]
    """
    return min(_MOST_EACH, max(EACH, 1 + ceil(waits * rate / chunk_rows)))


def set_prefetch(board: Board, model: str, cells: int) -> None:
    """From now on a worker of the model is asked for so many cells at once."""
    board.redis.set(board.key("each", model), cells)


def pause_dispatch(board: Board, model: str, seconds: float) -> None:
    """Ask nothing new of a model for so long."""
    board.redis.set(board.key("hold", model), 1, px=int(seconds * 1000))


def queued(board: Board, queue: str) -> list[dict[str, Any]]:
    """The arguments of the messages that wait in a queue: kombu's envelope around Celery's, both
    JSON.
    """
    return [
        _arguments(message)
        for message in cast("list[bytes]", board.redis.lrange(board.prefix + queue, 0, -1))
    ]


def queued_cells(board: Board, model: str) -> set[tuple[str, str]]:
    """(job, chunk) of the cells that wait in a model's queue."""
    return {(one["job"], one["chunk"]) for one in queued(board, scoring_queue(model))}


def _arguments(message: bytes) -> dict[str, Any]:
    _, arguments, _ = json.loads(base64.b64decode(json.loads(message)["body"]))
    return cast("dict[str, Any]", arguments)


@lru_cache(16)
def _script(redis: Redis, source: str) -> Any:  # Any: redis has no types for scripts
    return redis.register_script(source)
