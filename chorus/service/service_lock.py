"""The service that runs on this machine: who it is, so that other commands find its broker, and
that there is one.
"""

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
_A_LOOK = 1.0  # seconds, far longer than any


class AlreadyRunning(BadRequest):
    """Two services with brokers of their own would each do all of the work."""

    def __init__(self, run: Path, process: int) -> None:
        self.process = process
        super().__init__(
            f"A service runs in {run} already (process {process}). Use it (`chorus submit`, `chorus status`), stop it, "
            "or set CHORUS_BROKER_URL and run `chorus up --join`."
        )


@contextmanager
def announce_service(run: Path, broker: BrokerAddress) -> Iterator[None]:
    """For as long as the block lasts, other commands on this machine find the broker. Raises
    AlreadyRunning.

    The file is locked by this process: it counts for as long as the process lives, however that
    ends.
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
    """False if a service holds it. Another command that looks whether one does holds it for an
    instant only.
    """
    pause, end = Event(), monotonic() + _A_LOOK
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
    """The broker of the service that runs in this folder; None if none does."""
    try:
        with (run / _FILE).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return BrokerAddress(json.load(file)["broker"])
    except (FileNotFoundError, ValueError, KeyError):
        pass
    return None
