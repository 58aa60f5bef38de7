"""The reconciler: queues again, every few seconds, what is missing and not in flight.

A message is lost when a worker dies between taking it and recording that, when a broker vanishes,
or when a process dies between two steps. A cell that was dispatched, and neither waits in a queue
nor is leased, is lost. So is a chunk that every model has scored and no worker reduces, a job with
all parts that no worker finishes, and a job whose results no worker publishes.
"""

import logging
from collections.abc import Collection, Mapping
from time import monotonic

from storage.errors import ChorusError
from storage.places.place import Absent
from storage.records.feedback import Dataset, customers
from storage.records.job_state import recorded_state
from storage.records.jobs import Job, open_jobs
from storage.records.runs import open_runs
from tasks.board.context import Context
from tasks.board.job_facts import Progress
from tasks.board.publish_progress import published_parts
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.step_messages import FinishJob, PublishResults, ReduceChunk
from tasks.jobs.reprocess import continue_run
from tasks.jobs.submit import fail_job
from tasks.planning.dispatch import cell_of, cells_in_flight, dispatch
from tasks.planning.reconcile_job import (
    control_steps_in_flight,
    jobs_being_published,
    reconcile,
)
from tasks.planning.record_cache import dataset_of, job_of

# Seconds for which a job may make no progress with nothing in flight; then it is reconciled.
_STALLED_SECONDS = 30.0

log = logging.getLogger(__name__)


class Reconciler:
    """Queues lost steps of running jobs again. Any number of them may work on one board."""

    def __init__(self, context: Context, only: Collection[str] = ()) -> None:
        """`only`: the jobs to look after, all of the root if it is empty."""
        self._context, self._only = context, only
        # the board's epoch when the open jobs were last read from storage
        self._epoch: bytes | None = None
        self._missing: set[str] = set()  # steps missing and not in flight at the last tick
        # job → its progress, and since when it has been the same
        self._progress: dict[str, tuple[Progress | None, float]] = {}

    def tick(self) -> None:
        """Check every running job once.

        Raises RedisError, BrokerUnreachable, StorageUnavailable: the next tick starts anew.
        """
        board = self._context.board
        epoch, running = board.epoch(), board.running()
        if epoch != self._epoch:  # Redis has lost the board, or this process has just started
            self._continue_runs()
            for job in self._open_jobs():
                if job not in running:
                    self._reconcile(job)
            self._epoch = epoch
            running = board.running()
        jobs = self._readable(running)
        publishing = [name for name, (job, _) in jobs.items() if job.results]
        for name in jobs_being_published(board, publishing):
            del jobs[name]
        progress = board.progress_of({name: job.model_names for name, (job, _) in jobs.items()})
        models = {model for job, _ in jobs.values() for model in job.model_names}
        missing = self._lost_cells(models, jobs, running) | self._unfinished(jobs, progress)
        # A step that a worker takes is neither queued nor leased for a moment: only what is missing
        # at two ticks in a row is lost.
        lost = {missing[step] for step in missing.keys() & self._missing}
        self._missing = set(missing)
        for job in sorted(lost | self._stalled(models, progress)):
            self._reconcile(job)
        for model in sorted(models):
            dispatch(self._context, model)

    def _open_jobs(self) -> list[str]:
        """Return the jobs that have not ended, by storage."""
        place = self._context.place
        if self._only:
            return [job for job in self._only if recorded_state(place, job).is_open]
        return [job.id for job in open_jobs(place)]

    def _continue_runs(self) -> None:
        """Continue every open run, in case the process that started it died in the middle."""
        place = self._context.place
        for customer in [] if self._only else customers(place):
            for run in open_runs(place, customer):
                try:
                    continue_run(self._context, run)
                except BrokerUnreachable:
                    raise
                except ChorusError:
                    log.exception(
                        "a run cannot continue now", extra={"run": run.name, "customer": customer}
                    )

    def _readable(self, running: Collection[str]) -> dict[str, tuple[Job, Dataset]]:
        """Return the running jobs whose records can be read; the others are marked failed."""
        jobs = {}
        for name in running:
            try:
                job = job_of(self._context.place, name)
                jobs[name] = job, dataset_of(self._context.place, job)
            except ChorusError as error:
                log.warning("the job cannot be read: %s", error, extra={"job": name})
                removed = isinstance(error, Absent)
                self._context.board.mark_ended(
                    name, "failed", "The job is no longer in storage." if removed else str(error)
                )
        return jobs

    def _lost_cells(
        self, models: set[str], jobs: Collection[str], running: Collection[str]
    ) -> dict[str, str]:
        """Return step → job of dispatched cells that are neither scored nor in flight.

        Dispatched cells of jobs that do not run any more are cleared from the board.
        """
        board = self._context.board
        missing: dict[str, str] = {}
        for model in models:
            outstanding = board.outstanding(model)
            for job in {job for job, _ in outstanding} - set(running):
                board.requeue(
                    job, model, [position for other, position in outstanding if other == job]
                )
            cells = [
                cell_of(self._context.place, job, position, model)
                for job, position in outstanding
                if job in jobs
            ]
            in_flight = cells_in_flight(board, model, cells)
            for cell in cells:
                if (cell.job, cell.chunk) not in in_flight:
                    missing[f"{cell.job}/{cell.step}"] = cell.job
        return missing

    def _unfinished(
        self, jobs: Mapping[str, tuple[Job, Dataset]], progress: Mapping[str, Progress | None]
    ) -> dict[str, str]:
        """Return step → job of chunks to reduce and jobs to finish that are not in flight."""
        board = self._context.board
        missing: dict[str, str] = {}
        for name, (job, dataset) in jobs.items():
            reached = progress[name]
            if reached is None:
                continue
            if reached.parts >= len(dataset.chunks):
                missing[FinishJob(name).step] = name
            elif all(reached.scored.values()):  # else no chunk has the scores of all models
                for position in board.unreduced(name, job.model_names):
                    missing[ReduceChunk(name, dataset.chunks[position].id).step] = name
        in_flight = control_steps_in_flight(board, list(missing))
        return {step: job for step, job in missing.items() if step not in in_flight}

    def _stalled(
        self, models: Collection[str], progress: Mapping[str, Progress | None]
    ) -> set[str]:
        """Return jobs that have made no progress for a while and have no cells outstanding.

        This finds what the other checks miss.
        """
        now, stalled = monotonic(), set()
        outstanding = {job for model in models for job, _ in self._context.board.outstanding(model)}
        latest: dict[str, tuple[Progress | None, float]] = {}
        for job, reached in progress.items():
            previous, since = self._progress.get(job, (None, now))
            if reached != previous or job in outstanding:
                since = now
            elif now - since > _STALLED_SECONDS:
                stalled.add(job)
                since = now
            latest[job] = (reached, since)
        self._progress = latest
        return stalled

    def _reconcile(self, job: str) -> None:
        log.info("queueing the missing steps of the job again", extra={"job": job})
        try:
            if published_parts(self._context.board, job) is not None:
                self._context.publish(PublishResults(job))  # only its results are left to publish
            else:
                reconcile(self._context, job)
        except BrokerUnreachable:
            raise  # not the job's fault
        except ChorusError as error:
            log.exception("the job cannot continue", extra={"job": job})
            fail_job(self._context, job, str(error))
