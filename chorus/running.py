"""The service that runs on this machine: who it is, so that other commands find its broker, and that there is one."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import BadRequest
from tasks.address import BrokerAddress

_FILE = "service.json"


class AlreadyRunning(BadRequest):
    """Two services with brokers of their own would each do all of the work."""

    def __init__(self, run: Path, process: int) -> None:
        self.process = process
        super().__init__(
            f"A service runs in {run} already (process {process}). Use it (`chorus submit`, `chorus status`), stop it, "
            "or set CHORUS_BROKER_URL and run `chorus up --join`."
        )


@contextmanager
def announced(run: Path, broker: BrokerAddress) -> Iterator[None]:
    """For as long as the block lasts, other commands on this machine find the broker. Raises AlreadyRunning.

    The file is locked by this process: it counts for as long as the process lives, however that ends.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / _FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise AlreadyRunning(run, json.load(file)["process"]) from None
        file.truncate(0)
        json.dump({"process": os.getpid(), "broker": broker.url}, file)
        file.flush()
        yield
        file.truncate(0)


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
