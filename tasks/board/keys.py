"""Every key in Redis: its pattern, type, owner and expiry. Nothing else builds a key.

Redis has the queues and the board. Storage is the truth: what Redis loses is rebuilt from it.
A key is the root's prefix (`key_prefix`) and a pattern with its fields filled in. Some patterns
have older names than their constants (`asked`, `want`, `hold`, `each`, `once`): they are kept, so
that versions of Chorus can share a broker.
"""

import re
from dataclasses import dataclass
from typing import Literal

from storage.places.place import Place
from storage.places.root_id import root_id

SESSION_SECONDS = 30  # that leases and roster entries last without a heartbeat
ENDED_JOB_SECONDS = 7 * 24 * 3600  # that the board remembers a job after its end

_FIELD = re.compile(r"<[a-z ]+>")

Type = Literal["string", "hash", "set", "zset", "list"]


@dataclass(frozen=True)
class RedisKey:
    """One kind of key; `pattern` has its fields in angle brackets."""

    pattern: str
    type: Type
    owner: str  # the module that writes it
    expiry: str
    meaning: str

    def build(self, *fields: str) -> str:
        """Return the key with these values for its fields, in their order.

        >>> SCORED.build("91e20f", "mood-bow")
        'job:91e20f:scored:mood-bow'

        Raises ValueError unless there is a value for each field.
        """
        template = _FIELD.sub("{}", self.pattern)
        if template.count("{}") != len(fields):
            raise ValueError(f"{self.pattern} takes {template.count('{}')} fields, not {fields}")
        return template.format(*fields)

    def matches(self, key: str) -> bool:
        """Return whether `key`, without the root's prefix, is of this kind."""
        pieces = map(re.escape, _FIELD.split(self.pattern))
        return re.fullmatch("[^:]*".join(pieces), key) is not None


_NEVER = "never"
_WITH_JOB = "7 days after its job has ended"
_SESSION = "30 s after the last heartbeat"

EPOCH = RedisKey(
    "epoch",
    "string",
    "board",
    _NEVER,
    "a random value; another one means that Redis has lost the board",
)
RUNNING = RedisKey(
    "running", "hash", "board", _NEVER, "running job → when it started, in seconds since 1970"
)
JOB = RedisKey(
    "job:<job>",
    "hash",
    "board, publish_progress",
    _WITH_JOB,
    "status, error, times, the facts for dispatch and demand (tasks.board.job_facts), and how many "
    "parts of its results are published",
)
SCORED = RedisKey(
    "job:<job>:scored:<model>",
    "string",
    "board",
    _WITH_JOB,
    "bitmap: bit p is 1 once the model has scored chunk p",
)
DISPATCHED = RedisKey(
    "job:<job>:asked:<model>",
    "string",
    "board, dispatch",
    _WITH_JOB,
    "bitmap: bit p is 1 once the cell of chunk p was dispatched, or needs no dispatch",
)
PARTS = RedisKey(
    "job:<job>:parts", "string", "board", _WITH_JOB, "bitmap: bit p is 1 once part p is written"
)
FIRST_SCORES = RedisKey(
    "job:<job>:first",
    "hash",
    "board",
    _WITH_JOB,
    "model → times on the way to its first scores, as JSON",
)
SERVED = RedisKey("served", "hash", "board", _NEVER, "model → when a cell of it was last scored")
OUTSTANDING = RedisKey(
    "out:<model>",
    "set",
    "board, dispatch",
    "when empty",
    "`job/p` of the dispatched cells that are not scored yet",
)
OUTSTANDING_SHORT = RedisKey(
    "out:<model>:short", "set", "board, dispatch", "when empty", "the same, of short jobs"
)
LANES = RedisKey(
    "want:<model>",
    "zset",
    "dispatch, board",
    "when empty",
    "lane → its turn; a lane is `rank|customer` of jobs with cells to dispatch",
)
LANE = RedisKey(
    "want:<model>:<lane>",
    "zset",
    "dispatch, board",
    "when empty",
    "job of the lane → its turn",
)
PAUSED = RedisKey(
    "hold:<model>",
    "string",
    "dispatch",
    "after the pause",
    "exists while no cells of the model are dispatched",
)
CELLS_PER_WORKER = RedisKey(
    "each:<model>",
    "string",
    "dispatch",
    _NEVER,
    "cells dispatched for each worker of the model, if not the default",
)
LEASE = RedisKey(
    "lease:<step>",
    "string",
    "leases",
    _SESSION + ", or when a deferred step is due",
    "id of the worker process that works on the step, or has deferred it",
)
WORKER = RedisKey("worker:<id>", "hash", "roster", _SESSION, "the fields of a Worker")
ROSTER = RedisKey(
    "roster", "zset", "roster", _NEVER, "worker id → when its entry expires, as a time"
)
ROSTER_OF_MODEL = RedisKey(
    "roster:<model>",
    "zset",
    "roster",
    _NEVER,
    "the same, of one model; of control workers and bridges with an empty name",
)
MACHINES = RedisKey(
    "machines",
    "zset",
    "roster",
    _NEVER,
    "machine whose pools follow demand → when its entry expires",
)
SCALING = RedisKey(
    "scaling",
    "string",
    "pool_manager",
    "5 s",
    "lock: the machine that decides how many workers run",
)
PROFILE = RedisKey(
    "measured:<model>",
    "hash",
    "worker_profile",
    _NEVER,
    "what a worker of the model was last measured to need",
)
ATTEMPTS = RedisKey(
    "attempts:<model>:<version>",
    "hash",
    "attempts",
    "7 days after the last attempt",
    "chunk → attempts at scoring it",
)
BRIDGE = RedisKey("bridge:<id>", "hash", "bridge_roster", _SESSION, "the fields of a Bridge")
BRIDGES = RedisKey(
    "bridges", "zset", "bridge_roster", _NEVER, "bridge id → when its entry expires, as a time"
)
ARRIVALS = RedisKey(
    "arrivals", "hash", "bridge_roster", _NEVER, "outcome → messages that came to it"
)
TOPIC_REFUSED = RedisKey(
    "refused:<topic>",
    "string",
    "publish_progress",
    "8 s",
    "why the topic refused messages; no job tries it while the key exists",
)
DEDUP_LOCK = RedisKey(
    "once:remembering",
    "string",
    "message_dedup",
    "600 s",
    "lock: a process that restores the claims from storage",
)
DEDUP_COMPLETE = RedisKey(
    "once:whole",
    "string",
    "message_dedup",
    _NEVER,
    "run id of the Redis server that holds the claims of all stored batches of the window",
)
CLAIM = RedisKey(
    "once:<customer>:<hash>",
    "string",
    "message_dedup",
    "with the window",
    "name of the batch that owns the message id with this hash",
)
BATCH_CLAIMED = RedisKey(
    "claimed:<customer>:<batch>",
    "string",
    "message_dedup",
    "with the window",
    "exists while the claims of the batch exist",
)
QUEUE = RedisKey("<queue>", "list", "kombu", "when empty", "messages that wait in a queue")

BOARD_KEYS: tuple[RedisKey, ...] = (
    EPOCH,
    RUNNING,
    JOB,
    SCORED,
    DISPATCHED,
    PARTS,
    FIRST_SCORES,
    SERVED,
    OUTSTANDING,
    OUTSTANDING_SHORT,
    LANES,
    LANE,
    PAUSED,
    CELLS_PER_WORKER,
    LEASE,
    WORKER,
    ROSTER,
    ROSTER_OF_MODEL,
    MACHINES,
    SCALING,
    PROFILE,
    ATTEMPTS,
    BRIDGE,
    BRIDGES,
    ARRIVALS,
    TOPIC_REFUSED,
    DEDUP_LOCK,
    DEDUP_COMPLETE,
    CLAIM,
    BATCH_CLAIMED,
)

KOMBU_KEYS: tuple[RedisKey, ...] = (
    RedisKey("score.<model>", "list", "kombu", "when empty", "cells to score, as messages"),
    RedisKey(
        "control",
        "list",
        "kombu",
        "when empty",
        "chunks to reduce, jobs to finish, schedules to run",
    ),
    RedisKey("results", "list", "kombu", "when empty", "jobs whose results are to be published"),
    RedisKey("_kombu.binding.<queue>", "set", "kombu", _NEVER, "the routes to a queue"),
    RedisKey(
        "_kombu.binding_permanent.<queue>", "set", "kombu", _NEVER, "routes that never expire"
    ),
    RedisKey("_kombu.binding_deadlines", "zset", "kombu", _NEVER, "other routes → their expiry"),
    RedisKey("unacked", "hash", "kombu", "when empty", "messages that were not acknowledged yet"),
    RedisKey("unacked_index", "zset", "kombu", "when empty", "the same → when they were taken"),
    RedisKey("unacked_mutex", "string", "kombu", "after a while", "lock: restoring such messages"),
)


def key_prefix(place: Place) -> str:
    """Return what every key and queue of this root begins with."""
    return f"chorus:{root_id(place)}:"


def markdown_table() -> str:
    """Return the table of docs/redis-keys.md: one row for each kind of key."""
    lines = ["| key | type | owner | expires | holds |", "|---|---|---|---|---|"]
    for key in (*BOARD_KEYS, *KOMBU_KEYS):
        pattern = key.pattern.replace("|", "\\|")
        lines.append(f"| `{pattern}` | {key.type} | {key.owner} | {key.expiry} | {key.meaning} |")
    return "\n".join(lines).replace("`rank|customer`", "`rank\\|customer`") + "\n"
