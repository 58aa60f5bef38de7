"""A Pub/Sub server for tests and benchmarks, which the real client library talks to.

In this process: `with pubsub_server() as pubsub`; as its own: `with pubsub_process() as pubsub`, or
`python -m tests.support.servers.pubsub_server --port 8085`. Clients find it by
PUBSUB_EMULATOR_HOST=pubsub.address; what else a test may ask and command are the methods of
tests.support.pubsub.controls.Controls: `pubsub.inspect(subscription=…)`.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import grpc

from models.guards.end_with_parent import end_with_parent
from tests.support.pubsub.controls import Controls
from tests.support.pubsub.service import CONTROL, handlers
from tests.support.pubsub.state import State
from tests.support.repository import REPOSITORY

_CALLS = 64  # at once; each open stream is one
# too large is for us to refuse
_OPTIONS = [("grpc.max_receive_message_length", 32 << 20), ("grpc.so_reuseport", 0)]


class PubSubServer:
    """A running server: its address, and the methods of Controls, by keyword."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)])
        self._call = self._channel.unary_unary(CONTROL)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or not hasattr(Controls, name):
            raise AttributeError(name)
        return lambda **arguments: json.loads(
            self._call(json.dumps([name, arguments]).encode(), timeout=10)
        )

    def close(self) -> None:
        self._channel.close()


@contextmanager
def serve(port: int = 0) -> Iterator[str]:
    """Serve for as long as the block lasts; its address."""
    pool = ThreadPoolExecutor(_CALLS, "pubsub")
    server = grpc.server(pool, handlers(State()), options=_OPTIONS)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
        pool.shutdown()


@contextmanager
def pubsub_server() -> Iterator[PubSubServer]:
    """A server in this process."""
    with serve() as address:
        pubsub = PubSubServer(address)
        try:
            yield pubsub
        finally:
            pubsub.close()


@contextmanager
def pubsub_process() -> Iterator[PubSubServer]:
    """A server in a process of its own, which ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.servers.pubsub_server", "--port", "0"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent(),
    )
    with process:
        try:
            pubsub = PubSubServer(f"127.0.0.1:{int(process.stdout.readline())}")
            yield pubsub
            pubsub.close()
        finally:
            process.terminate()


def main() -> None:
    """Print the port, then serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with serve(parser.parse_args().port) as address:
        sys.stdout.write(f"{address.rpartition(':')[2]}\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
