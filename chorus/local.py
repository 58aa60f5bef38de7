"""One job to its end on this machine: start what it needs and nothing else, watch, stop what was started."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from redis.exceptions import RedisError

from chorus.settings import Settings, for_children
from models.kinds import find
from models.registry import ModelRegistry
from storage.errors import ChorusError
from storage.jobs import Job
from storage.labelled import Manifest, read_manifest
from storage.place import Place, place_at
from tasks.address import BrokerAddress, BrokerUnreachable
from tasks.app import make_app, publisher
from tasks.board import Board, Progress, key_prefix
from tasks.context import Context
from tasks.messages import CONTROL, scoring_queue
from tasks.reconcile import plan_job, reconcile, stored_progress
from tasks.submit import start
from workers.broker import embedded_broker
from workers.children import Child, stop_all
from workers.cores import share

_LOOK_EVERY = 0.1  # seconds between two looks at the board
_STALLED = 5.0  # seconds without a step forward after which the plan is made anew
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
    place = place_at(settings.home)
    prefix = key_prefix(place)
    return Context(place, Board(broker.client(), prefix), publisher(make_app(broker, prefix), broker))


def run_job(settings: Settings, place: Place, job: Job, watch: Watch) -> Outcome:
    """Bring the job to its end. Raises JobFailed, NoBroker, BrokerUnreachable.

    A job that is complete starts nothing.
    """
    manifest = read_manifest(job.output)
    if manifest is not None:
        return Outcome(manifest, cells=0)
    cells, stored = plan_job(place, job.id).cells, stored_progress(place, job.id)
    watch(stored)
    with broker_for(settings) as broker:
        run = _Run(settings, broker, job)
        try:
            run.need(cell.model for cell in cells)
            start(run.context, job)
            run.wait(stored, watch)
        except RedisError as error:
            raise BrokerUnreachable(broker.shown, str(error)) from error
        finally:
            stop_all(list(run.workers.values()), _GRACE)
    manifest = read_manifest(job.output)
    if manifest is None:
        raise JobFailed(job.id, f"The job ended without {job.output.url}/_manifest.json.")
    return Outcome(manifest, len(cells))


class _Run:
    """A job under way, and the workers that this process has started for it."""

    def __init__(self, settings: Settings, broker: BrokerAddress, job: Job) -> None:
        self._settings, self._broker, self._job = settings, broker, job
        self._models = [model.name for model in job.models]
        self.context = context_for(settings, broker)
        self.workers: dict[str, Child] = {"control": self._worker("control", "--control")}

    def need(self, models: Iterable[str]) -> None:
        """Start a worker for each of these models that has none; they share the cores."""
        missing = [model for model in dict.fromkeys(models) if model not in self.workers]
        registry = ModelRegistry(self.context.place)
        wanted = [model for model in self._job.models if model.name in missing]
        kinds = {model.name: find(registry.manifest(model.name, model.version).kind) for model in wanted}
        threads = share(self._settings.cores, {name: kind.most_threads for name, kind in kinds.items()})
        for model in missing:
            self.workers[model] = self._worker(model, "--model", model, "--threads", str(threads[model]))

    def wait(self, stored: Progress, watch: Watch) -> None:
        """Until the board says done. Raises JobFailed when it says failed, or when a worker has died."""
        pause, last, moved = Event(), stored, time.monotonic()
        while True:
            progress = self.context.board.progress(self._job.id, self._models)
            if progress is not None and progress != last:
                last, moved = progress, time.monotonic()
                if _caught_up(progress, stored):
                    watch(progress)
            if progress is not None and progress.status == "done":
                return
            if progress is not None and progress.status == "failed":
                raise JobFailed(self._job.id, progress.error or "The job failed.")
            self._check_workers()
            if time.monotonic() - moved > _STALLED:
                self._look_again()
                moved = time.monotonic()
            pause.wait(_LOOK_EVERY)

    def _look_again(self) -> None:
        """Nothing moved for a while: a worker may be slow, or a message lost, or scores turned out to be damaged."""
        self.need(cell.model for cell in plan_job(self.context.place, self._job.id).cells)
        if not self.context.board.waiting([CONTROL, *map(scoring_queue, self._models)]):
            reconcile(self.context, self._job.id)

    def _check_workers(self) -> None:
        for child in self.workers.values():
            status = child.ended()
            if status is not None:
                raise JobFailed(
                    self._job.id,
                    f"The worker {child.name} ended by itself (status {status}). "
                    f"Its log, {child.log}, ends:\n{child.last_words()}",
                )

    def _worker(self, name: str, *arguments: str) -> Child:
        command = [sys.executable, "-m", "chorus", "worker", *arguments]
        log = self._settings.run / "logs" / f"{name}.log"
        return Child(name, command, log, for_children(self._settings, self._broker))


def _caught_up(progress: Progress, stored: Progress) -> bool:
    """Whether the board has heard of all that storage holds."""
    return progress.parts >= stored.parts and all(
        progress.scored[model] >= chunks for model, chunks in stored.scored.items()
    )
