"""A process that publishes results, for a root and a broker; with `--hang` it never ends a job."""

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

from intake.messages.topic import Topics
from processes.end_with_parent import end_with_parent
from storage.places.place import LocalPlace
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.broker.broker_url import BrokerAddress
from tasks.broker.celery_app import make_app, make_publisher
from tasks.broker.step_messages import RESULTS_QUEUE
from tasks.steps import finish
from tests.support.repository import REPOSITORY
from tests.support.runs.steps import PREFIX
from workers.bridge.results_consumer import register
from workers.runtime.celery_worker import consume_queue


@contextmanager
def results_worker(place, broker, *options):
    """Start a process that consumes the queue of results, and kill it after the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, place.url, broker.url, *options],
        cwd=REPOSITORY,
        preexec_fn=end_with_parent(),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def main(home: str, broker: str, name: str, *options: str) -> int:
    if "--hang" in options:
        finish.write_end = lambda *_: Event().wait()
    address = BrokerAddress(broker)
    app, board, now = make_app(address, PREFIX), Board(address.client(), PREFIX), time.time()
    context = Context(LocalPlace(Path(home)), board, make_publisher(app, address))
    session = WorkerSession(board, Worker(name, "", "here", "idle", now, now, 0, 1))
    with Topics() as topics:
        register(app, replace(context, session=session), topics.topic)
        session.start_heartbeat()
        return consume_queue(app, RESULTS_QUEUE, name=name, threads=2)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
