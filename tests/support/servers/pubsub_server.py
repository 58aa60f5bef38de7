"""A Pub/Sub server for tests and benchmarks, which the real client library talks to.

In this process: `with pubsub_server() as pubsub`; as a process of its own: `with pubsub_process()
as pubsub`, or `python -m tests.support.servers.pubsub_server --port 8085`. Clients find it by
PUBSUB_EMULATOR_HOST=pubsub.address. What else a test may ask and command are the methods of
tests.support.pubsub.controls.Controls, such as `pubsub.inspect(subscription=…)`.
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

from processes.end_with_parent import end_with_parent
from tests.support.pubsub.controls import Controls
from tests.support.pubsub.service import CONTROL, handlers
from tests.support.pubsub.state import State
from tests.support.repository import REPOSITORY

_MAX_CALLS = 64  # at once; each open stream is one
# The limit of gRPC is higher than that of the service, so that State refuses what is too large.
_OPTIONS = [("grpc.max_receive_message_length", 32 << 20), ("grpc.so_reuseport", 0)]


class PubSubServer:
    """A running server: its address, and the methods of Controls, with keyword arguments."""

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
    """Serve for as long as the block lasts; yield the address."""
    pool = ThreadPoolExecutor(_MAX_CALLS, "pubsub")
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
    """Run a server in this process."""
    with serve() as address:
        pubsub = PubSubServer(address)
        try:
            yield pubsub
        finally:
            pubsub.close()


@contextmanager
def pubsub_process() -> Iterator[PubSubServer]:
    """Run a server in a process of its own, which ends with this one."""
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
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with serve(parser.parse_args().port) as address:
        sys.stdout.write(f"{address.rpartition(':')[2]}\n")
        sys.stdout.flush()
        stopping.wait()


if __name__ == "__main__":
    main()
