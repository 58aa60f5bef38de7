"""The reconciler: every few seconds it finds what nobody is at work on, and asks for it again.

A message is lost when a worker dies between taking it and saying so, when a broker vanishes, when a
process dies between two steps. What is outstanding and neither waits in a queue nor under a lease
is lost; so is a chunk that all have scored and nobody reduces, a job with all its parts that nobody
finishes, and one whose results nobody publishes.
"""

import logging
from collections.abc import Collection, Mapping
from time import monotonic

from storage.errors import ChorusError
from storage.places.place import Absent
from storage.records.feedback import Dataset, customers
from storage.records.jobs import Job, ended, unended_jobs
from storage.records.runs import open_runs
from tasks.board.board import Progress
from tasks.board.leases import leased
from tasks.board.publish_progress import published
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.context import Context
from tasks.broker.step_messages import FinishJob, PublishResults, ReduceChunk
from tasks.jobs.reprocess import carry_on
from tasks.jobs.submit import fail
from tasks.planning.dispatch import cell_of, dispatch, queued_cells
from tasks.planning.reconcile_job import control_steps, publishing, reconcile
from tasks.planning.record_cache import dataset_of, job_of

# seconds after which a job that nobody works on and that does not move is planned again
_STILL = 30.0

log = logging.getLogger(__name__)


class Reconciler:
    """Any number of them may sweep one board. `only`: the jobs that are its business; none named:
    all of the root.
    """

    def __init__(self, context: Context, only: Collection[str] = ()) -> None:
        self._context, self._only = context, only
        # of the board, when storage was last asked which jobs are to go on
        self._epoch: bytes | None = None
        self._missing: set[str] = set()  # steps that were on nobody's way at the last look
        # job → how far it was, and since when
        self._moved: dict[str, tuple[Progress | None, float]] = {}

    def tick(self) -> None:
        """One look at everything. Raises RedisError, BrokerUnreachable, StorageAway: the next look
        begins anew.
        """
        board = self._context.board
        epoch, running = board.epoch(), board.running()
        if epoch != self._epoch:
            self._carry_on_runs()
            for job in self._stored():
                if job not in running:
                    self._reconcile(job)
            self._epoch = epoch
            running = board.running()
        known = self._known(running)
        for name in publishing(board, [name for name, (job, _) in known.items() if job.results]):
            del known[name]
        progress = board.progress_of({name: job.model_names for name, (job, _) in known.items()})
        models = {model for job, _ in known.values() for model in job.model_names}
        missing = self._unscored(models, known, running) | self._unfinished(known, progress)
        # Between a queue and a lease a step is nowhere for a moment: only what was missing twice is
        # lost.
        lost = {missing[step] for step in missing.keys() & self._missing}
        self._missing = set(missing)
        for job in sorted(lost | self._still(models, progress)):
            self._reconcile(job)
        for model in sorted(models):
            dispatch(self._context, model)

    def _stored(self) -> list[str]:
        """By storage, the jobs that are to go on."""
        place = self._context.place
        if self._only:
            return [job for job in self._only if ended(place, job) is None]
        return [job.id for job in unended_jobs(place)]

    def _carry_on_runs(self) -> None:
        """Whoever began a run may have died before all of its jobs were set going, or before its
        labels counted.
        """
        place = self._context.place
        for customer in [] if self._only else customers(place):
            for run in open_runs(place, customer):
                try:
                    carry_on(self._context, run)
                except BrokerUnreachable:
                    raise
                except ChorusError:
                    log.exception(
                        "a run that cannot go on now", extra={"run": run.name, "customer": customer}
                    )

    def _known(self, running: Collection[str]) -> dict[str, tuple[Job, Dataset]]:
        """Of these, those whose job can be read; the others have gone from storage, or somebody
        damaged them.
        """
        found = {}
        for job in running:
            try:
                read = job_of(self._context.place, job)
                found[job] = read, dataset_of(self._context.place, read)
            except ChorusError as error:
                log.warning("a job that cannot be read: %s", error, extra={"job": job})
                gone = isinstance(error, Absent)
                self._context.board.mark_ended(
                    job, "failed", "The job is no longer in storage." if gone else str(error)
                )
        return found

    def _unscored(
        self, models: set[str], jobs: Collection[str], running: Collection[str]
    ) -> dict[str, str]:
        """Cells that were asked for, and are neither scored nor on anybody's way: the step of each,
        and its job.
        """
        board = self._context.board
        missing: dict[str, str] = {}
        for model in models:
            # before the leases: a cell goes from the one to the other
            queue = queued_cells(board, model)
            out = board.outstanding(model)
            for job in {job for job, _ in out} - set(running):
                board.requeue(job, model, [position for other, position in out if other == job])
            cells = {
                (job, position): cell.step
                for job, position in out
                if job in jobs
                for cell in [cell_of(self._context.place, job, position, model)]
                if (job, cell.chunk) not in queue
            }
            held = leased(board, list(cells.values()))
            for ((job, _), step), one in zip(cells.items(), held, strict=True):
                if not one:
                    missing[f"{job}/{step}"] = job
        return missing

    def _unfinished(
        self, known: Mapping[str, tuple[Job, Dataset]], progress: Mapping[str, Progress | None]
    ) -> dict[str, str]:
        """Chunks that nobody reduces, and jobs that nobody finishes: the step of each, and its job."""
        board = self._context.board
        wanted: dict[str, str] = {}
        for name, (job, dataset) in known.items():
            there = progress[name]
            if there is None:
                continue
            if there.parts >= len(dataset.chunks):
                wanted[FinishJob(name).step] = name
            elif all(there.scored.values()):  # or there is no use in asking which
                for position in board.unreduced(name, job.model_names):
                    wanted[ReduceChunk(name, dataset.chunks[position].id).step] = name
        under_way = control_steps(board, list(wanted))
        return {step: job for step, job in wanted.items() if step not in under_way}

    def _still(self, models: Collection[str], progress: Mapping[str, Progress | None]) -> set[str]:
        """Jobs that have not moved for a while, though nobody is at work on them: whatever else may
        go wrong.
        """
        now, found = monotonic(), set()
        out = {job for model in models for job, _ in self._context.board.outstanding(model)}
        moved: dict[str, tuple[Progress | None, float]] = {}
        for job, there in progress.items():
            before, since = self._moved.get(job, (None, now))
            if there != before or job in out:
                since = now
            elif now - since > _STILL:
                found.add(job)
                since = now
            moved[job] = (there, since)
        self._moved = moved
        return found

    def _reconcile(self, job: str) -> None:
        log.info("asked for again, what nobody is at work on", extra={"job": job})
        try:
            if published(self._context.board, job) is not None:  # nothing else is left to do
                self._context.publish(PublishResults(job))
            else:
                reconcile(self._context, job)
        except BrokerUnreachable:
            raise  # no fault of the job
        except ChorusError as error:
            log.exception("a job that cannot go on", extra={"job": job})
            fail(self._context, job, str(error))
