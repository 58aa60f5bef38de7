"""Every key that a job and its processes leave in Redis has the type and expiry of the table."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from time import time

from tasks.board.attempts import Attempts
from tasks.board.board import Board
from tasks.board.bridge_roster import Bridge, BridgeRoster
from tasks.board.keys import BOARD_KEYS, DEDUP_LOCK, KOMBU_KEYS, QUEUE, SCALING
from tasks.board.leases import WorkerSession
from tasks.board.message_dedup import MessageDedup
from tasks.board.publish_progress import mark_topic_refused
from tasks.board.roster import Roster, Worker
from tasks.board.worker_profile import WorkerProfile, publish_profile
from tasks.broker.celery_app import make_app, make_publisher
from tasks.broker.step_messages import (
    CONTROL_QUEUE,
    RESULTS_QUEUE,
    FinishJob,
    PublishResults,
    ScoreCell,
)
from tasks.planning.dispatch import pause_dispatch, set_cells_per_worker
from tests.support.runs.queued_steps import QueuedSteps
from tests.support.runs.results_worker import results_worker
from tests.support.runs.steps import PREFIX, store_dataset, store_job
from tests.support.runs.waiting import wait_until

SHORT = [f"text number {number}" for number in range(12)]
LONG = [f"another text {number}" for number in range(600)]
LOCKS = {SCALING, DEDUP_LOCK}  # held so briefly that no test sees them
[DEADLINES] = [entry for entry in KOMBU_KEYS if entry.pattern == "_kombu.binding_deadlines"]
[MUTEX] = [entry for entry in KOMBU_KEYS if entry.pattern == "unacked_mutex"]
UNITS = {"s": 1, "days": 24 * 3600}


class Keys:
    """The entries of the table that were seen in Redis; `check` compares keys with their entry."""

    def __init__(self, board):
        self._board, self._redis = board, board.redis
        self.entries = set()

    def check(self):
        running = self._board.running()
        for full_name in self._redis.scan_iter():
            key = full_name.decode()
            type_, seconds = self._redis.type(key).decode(), self._redis.ttl(key)
            if seconds == -2:  # it has expired, or was deleted
                continue
            name = key.removeprefix(PREFIX)
            [entry] = [entry for entry in (*BOARD_KEYS, *KOMBU_KEYS) if entry.matches(name)]
            assert type_ == entry.type, key
            assert is_expiry_of(entry, name, running, seconds), (key, seconds)
            self.entries.add(entry)


def is_expiry_of(entry, key, running, seconds):
    """Return whether a key's time to live (-1: none) agrees with its entry."""
    match = re.match(r"(\d+) (s|days)", entry.expiry)
    if entry.expiry in ("never", "when empty"):
        return seconds == -1
    if "job" in entry.expiry and key.split(":")[1] in running:
        return seconds == -1
    max_seconds = int(match[1]) * UNITS[match[2]] if match else float("inf")
    return 0 <= seconds <= max_seconds


def test_every_key_of_the_board_has_the_type_and_the_expiry_of_the_table(place, redis, broker):
    steps = QueuedSteps(place, redis, broker)
    board = steps.context.board
    keys = Keys(board)
    worker = WorkerSession(board, Worker("w1", "bow", "here", "idle", time(), time(), 1, 1))
    worker.renew_leases()
    steps.context = replace(steps.context, session=worker)
    job = store_job(place, store_dataset(place, SHORT))
    steps.plan(job)
    steps.plan(store_job(place, store_dataset(place, LONG, 100, name="long"), id="job2"))
    board.epoch()
    keys.check()

    while message := steps.take():
        with worker.lease(message.step):
            steps.run(message)
            keys.check()
    assert not board.running(), "both jobs are done"

    Attempts(board, ScoreCell(job.id, "chunk", "bow", 1)).count()
    pause_dispatch(board, "bow", 60)
    set_cells_per_worker(board, "bow", 3)
    publish_profile(board, "bow", WorkerProfile(rate=1.0, start_seconds=1.0, memory=1))
    mark_topic_refused(board, "projects/tests/topics/t", "it is away")
    Roster(board).announce("here")
    bridges = BridgeRoster(board)
    bridges.put(Bridge("b1", "projects/tests/subscriptions/s", "pulling", time(), "", 0))
    bridges.count({"stored": 1})
    MessageDedup(place, board, 3600).claim("acme", "batch", ["a"], datetime.now(UTC))
    keys.check()
    assert set(BOARD_KEYS) - keys.entries == LOCKS


def test_every_key_of_the_queues_has_the_type_of_the_table(place, redis, broker):
    board, app = Board(redis, PREFIX), make_app(broker, PREFIX)
    keys, publish = Keys(board), make_publisher(app, broker)
    for message in (FinishJob("a"), PublishResults("a"), ScoreCell("a", "chunk", "bow", 1)):
        publish(message)
    keys.check()
    with app.connection_for_read() as connection, connection.SimpleQueue(CONTROL_QUEUE) as queue:
        message = queue.get(timeout=20)
        keys.check()
        message.ack()
    redis.delete(board.key(QUEUE, RESULTS_QUEUE))
    with results_worker(place, broker, "one"):
        wait_until(lambda: keys.check() or DEADLINES in keys.entries, "a consumer")
    # The mutex exists only after a minute, or earlier where the machine is slow.
    assert set(KOMBU_KEYS) - keys.entries <= {MUTEX}
