"""One job to its end on this machine: start what it needs and nothing else, watch, stop what was started."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from redis.exceptions import RedisError

from chorus.settings import Settings, for_children
from storage.errors import ChorusError
from storage.jobs import Job
from storage.labelled import Manifest, read_manifest
from storage.place import Place, place_at
from tasks.address import BrokerAddress, BrokerUnreachable
from tasks.app import make_app, publisher
from tasks.board import Board, Progress
from tasks.context import Context
from tasks.reconcile import plan_job, stored_progress
from tasks.submit import start
from workers.broker import embedded_broker
from workers.children import Child, stop_all

_LOOK_EVERY = 0.1  # seconds between two looks at the board
_GRACE = 5.0  # seconds a worker gets to end; what it loses is scored again

Watch = Callable[[Progress], None]


class JobFailed(ChorusError):
    """The job cannot go on; what is done is kept."""

    def __init__(self, job: str, reason: str) -> None:
        self.job, self.reason = job, reason
        super().__init__(f"{reason}\nWhat is done is kept: mend this and run the same command again to go on.")


@dataclass(frozen=True)
class Outcome:
    """A complete job, and how many cells this run had to score for it."""

    manifest: Manifest
    cells: int


@contextmanager
def broker_for(settings: Settings) -> Iterator[BrokerAddress]:
    """The configured broker, checked, or an embedded one for as long as the block lasts."""
    if settings.broker is not None:
        settings.broker.check()
        yield settings.broker
        return
    settings.run.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="broker-", dir=settings.run) as folder,
        embedded_broker(Path(folder)) as address,
    ):
        yield address


def context_for(settings: Settings, broker: BrokerAddress) -> Context:
    """What every step works with, on this root and this broker."""
    return Context(place_at(settings.home), Board(broker.client()), publisher(make_app(broker), broker))


def run_job(settings: Settings, place: Place, job: Job, watch: Watch) -> Outcome:
    """Bring the job to its end. Raises JobFailed, NoBroker, BrokerUnreachable.

    A job that is complete starts nothing.
    """
    manifest = read_manifest(job.output)
    if manifest is not None:
        return Outcome(manifest, cells=0)
    cells, stored = plan_job(place, job.id).cells, stored_progress(place, job.id)
    watch(stored)
    models = dict.fromkeys(cell.model for cell in cells)
    with broker_for(settings) as broker:
        context = context_for(settings, broker)
        children = [_worker(settings, broker, "control", "--control")]
        try:
            threads = max(1, settings.cores // max(1, len(models)))
            children += [
                _worker(settings, broker, model, "--model", model, "--threads", str(threads)) for model in models
            ]
            start(context, job)
            _wait(context, job, children, stored, watch)
        except RedisError as error:
            raise BrokerUnreachable(broker.shown, str(error)) from error
        finally:
            stop_all(children, _GRACE)
    manifest = read_manifest(job.output)
    if manifest is None:
        raise JobFailed(job.id, f"The job ended without {job.output.url}/_manifest.json.")
    return Outcome(manifest, len(cells))


def _worker(settings: Settings, broker: BrokerAddress, name: str, *arguments: str) -> Child:
    command = [sys.executable, "-m", "chorus", "worker", *arguments]
    return Child(name, command, settings.run / "logs" / f"{name}.log", for_children(settings, broker))


def _wait(context: Context, job: Job, children: list[Child], stored: Progress, watch: Watch) -> None:
    """Until the board says done. Raises JobFailed when it says failed, or when a worker has died."""
    models = [model.name for model in job.models]
    pause = Event()
    while True:
        progress = context.board.progress(job.id, models)
        if progress is not None:
            if progress.parts >= stored.parts and all(
                progress.scored[model] >= stored.scored[model] for model in models
            ):
                watch(progress)  # the board has caught up with storage
            if progress.status == "done":
                return
            if progress.status == "failed":
                raise JobFailed(job.id, progress.error or "The job failed.")
        for child in children:
            status = child.ended()
            if status is not None:
                raise JobFailed(
                    job.id,
                    f"The worker {child.name} ended by itself (status {status}). "
                    f"Its log, {child.log}, ends:\n{child.last_words()}",
                )
        pause.wait(_LOOK_EVERY)
