"""The lock file of the service on this machine, where other commands find its broker."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from typing import IO

from storage.errors import BadRequest
from tasks.broker.broker_url import BrokerAddress

_FILE = "service.json"
_LOCK_SECONDS = 1.0  # to wait for commands that only read the file, far longer than any takes


class AlreadyRunning(BadRequest):
    """A second service with a broker of its own would do all of the work again."""

    def __init__(self, run: Path, process: int) -> None:
        self.process = process
        super().__init__(
            f"A service runs in {run} already (process {process}). Use it (`chorus submit`, "
            "`chorus status`), stop it, or set CHORUS_BROKER_URL and run `chorus up --join`."
        )


@contextmanager
def announce_service(run: Path, broker: BrokerAddress) -> Iterator[None]:
    """Let other commands on this machine find the broker within the block. Raises AlreadyRunning.

    This process locks the file, which is valid for as long as the process lives, however it ends.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / _FILE).open("a+") as file:
        if not _lock(file):
            file.seek(0)
            raise AlreadyRunning(run, json.load(file)["process"])
        file.truncate(0)
        json.dump({"process": os.getpid(), "broker": broker.url}, file)
        file.flush()
        yield
        file.truncate(0)


def _lock(file: IO[str]) -> bool:
    """Lock the file; return False if a service has locked it.

    Other commands that check for a service lock it for an instant only.
    """
    pause, end = Event(), monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if monotonic() > end:
                return False
            pause.wait(0.01)
        else:
            return True


def running_broker(run: Path) -> BrokerAddress | None:
    """Return the broker of the service that runs in this folder; None if none does."""
    try:
        with (run / _FILE).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return BrokerAddress(json.load(file)["broker"])
    except (FileNotFoundError, ValueError, KeyError):
        pass
    return None
