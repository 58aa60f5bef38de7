"""Submit: turn a dataset into a job with every version resolved, and start it."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ensemble.customers import resolve_ensemble
from ensemble.spec import Ensemble, EnsembleRegistry, ModelSignature, check_members
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest, ChorusError
from storage.places.concurrent import map_concurrently
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.places.retry import StorageUnavailable
from storage.records import jobs, labelled_output
from storage.records.exported_files import is_latest_missing
from storage.records.feedback import Dataset
from storage.records.job_state import checked_state, recorded_state
from storage.records.jobs import Job, JobEnd, Priority
from storage.records.labelled_output import EnsembleVersion, ModelVersion
from storage.versions.active_labels import read_active_labels
from tasks.board.context import Context
from tasks.jobs.activate_labels import activate_labels, end_complete_runs_of
from tasks.planning.reconcile_job import queue_missing_work
from tasks.planning.stored_work import StoredWork, read_work_of_job

log = logging.getLogger(__name__)


class OutputTaken(BadRequest):
    """An output folder that has the results of another job."""

    def __init__(self, where: str, owner: str) -> None:
        self.where, self.owner = where, owner
        super().__init__(
            f"{where} holds the results of {owner}. Choose another --out, or remove that folder."
        )


@dataclass(frozen=True)
class ResolvedVersions:
    """An ensemble version and the versions of its members, as of now."""

    ensemble: EnsembleVersion
    models: tuple[ModelVersion, ...]


def resolve_versions(place: Place, customer: str) -> ResolvedVersions:
    """Resolve the customer's ensemble and its members.

    Raises NotPublished, Mismatch, BadRecord, BadName, BadConfigFile.
    """
    name, version = resolve_ensemble(place, customer)
    return ResolvedVersions(
        EnsembleVersion(name=name, version=version),
        resolve_members(place, EnsembleRegistry(place).read(name, version)),
    )


def resolve_members(place: Place, ensemble: Ensemble) -> tuple[ModelVersion, ...]:
    """Resolve the members' versions. Raises NotPublished, and Mismatch for a wrong target."""
    registry = ModelRegistry(place)
    manifests = list(
        map_concurrently(
            place, lambda member: registry.resolve(member.model, member.version), ensemble.members
        )
    )
    check_members(
        ensemble,
        {
            model.name: ModelSignature(
                target=model.target.name, mode=model.target.mode, labels=model.labels
            )
            for model in manifests
        },
    )
    return tuple(
        ModelVersion(name=model.name, version=model.version, digest=model.digest)
        for model in manifests
    )


def build_job(
    place: Place,
    dataset: Dataset,
    versions: ResolvedVersions,
    *,
    out: str | None,
    keep_text: bool,
    keep_columns: bool,
    priority: Priority = "bulk",
    deadline: datetime | None = None,
    requested_at: datetime | None = None,
    results: str | None = None,
) -> Job:
    """Return the job for a dataset and versions; write nothing.

    `requested_at`: when the versions were resolved; None: now. `results`: the topic for its labels.
    """
    out = open_place(out).url if out else None
    identity = jobs.job_id(
        dataset.customer,
        dataset.id,
        versions.ensemble,
        versions.models,
        out,
        keep_text,
        keep_columns,
    )
    return Job(
        id=identity,
        customer=dataset.customer,
        dataset=dataset.id,
        ensemble=versions.ensemble,
        models=versions.models,
        out=out or place.url_of(labelled_output.default_folder(dataset.customer, identity)),
        keep_text=keep_text,
        keep_columns=keep_columns,
        submitted_at=(requested_at or datetime.now(UTC)).replace(microsecond=0),
        priority=priority,
        deadline=deadline,
        results=results,
    )


def create_job(place: Place, job: Job) -> Job:
    """Write the job, or read the one with its id: the same request is the same job.

    The priority, the deadline and the topic of the first request stay. Raises OutputTaken,
    CannotWrite.
    """
    _claim_output(job)
    if not place.create(jobs.job_path(job.id), job.encode(), durable=True):
        return jobs.read_job(place, job.id)
    members = ", ".join(f"{model.name} {model.version}" for model in job.models)
    log.info(
        "submitted: ensemble %s %d, models %s, priority %s",
        *(job.ensemble.name, job.ensemble.version, members, job.priority),
        extra={"job": job.id, "customer": job.customer, "dataset": job.dataset},
    )
    return job


def check_output_free(job: Job) -> None:
    """Raise OutputTaken if the output folder holds another job's results."""
    output = job.output
    names = output.names("")
    if labelled_output.OWNER in names:
        owner = output.read(labelled_output.OWNER).decode()
        if owner != job.id:
            raise OutputTaken(output.url, f"job {owner}")
        return
    foreign = [name for name in names if labelled_output.is_output_file(name)]
    if foreign:
        raise OutputTaken(output.url, f"something else ({foreign[0]})")


def _claim_output(job: Job) -> None:
    """Mark the output folder as this job's. Raises OutputTaken."""
    check_output_free(job)
    if not job.output.create(labelled_output.OWNER, job.id.encode()):
        check_output_free(job)


def start_job(context: Context, job: Job, stored: StoredWork | None = None) -> None:
    """Start the job, or start it again. Raises BrokerUnreachable, RedisError.

    A done job stays as it is, with its startup record, and its labels become active again.
    `stored`: the job's stored work, if it was just read.
    """
    if not recorded_state(context.place, job.id).is_open:
        if reactivate_if_done(context.place, job):
            return
        jobs.remove_end(context.place, job.id)
    context.board.reset_job(job.id, [model.name for model in job.models])
    queue_missing_work(context, stored or read_work_of_job(context.place, job.id))


def reactivate_if_done(place: Place, job: Job) -> bool:
    """Make a done job's labels active, if they are not; return whether they are.

    A job without the file of its latest request is not done. Raises BadRecord, CannotWrite.
    """
    if not checked_state(place, job).is_done or is_latest_missing(place, job.id):
        return False
    active = read_active_labels(place, job.customer).datasets.get(job.dataset)
    if active is None or active.job != job.id:
        activate_labels(place, job, datetime.now(UTC))
    # its labels may have been pruned before they became active
    return checked_state(place, job).is_done


def stop_job(
    context: Context,
    job: Job,
    status: Literal["failed", "cancelled", "interrupted"],
    reason: str = "",
    files_not_written: tuple[str, ...] = (),
) -> None:
    """End the job as stopped; finished cells and parts are kept.

    Storage is written first: the board can be rebuilt from it.
    """
    end = JobEnd(
        status=status, error=reason, at=datetime.now(UTC), files_not_written=files_not_written
    )
    jobs.write_end(context.place, job.id, end)
    end_complete_runs_of(context.place, job)
    context.board.mark_ended(job.id, status, reason)


def fail_job(context: Context, job: str, reason: str) -> None:
    """End the job as failed.

    The board is written in any case; storage may be full or unavailable, or have lost the job.
    Raises RedisError.
    """
    try:
        stop_job(context, jobs.read_job(context.place, job), "failed", reason)
    except (ChorusError, StorageUnavailable):
        log.exception("the failed job is recorded on the board alone", extra={"job": job})
        context.board.mark_ended(job, "failed", reason)
