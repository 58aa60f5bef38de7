"""Prune: remove old labels, scores of old versions and records of old runs without references.

Nothing is lost for good: feedback stays, and the same request later gives the same job and the same
labels, for the price of the scoring.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from storage.places.concurrent import map_concurrently
from storage.places.place import Absent, Place
from storage.records import labelled_output, scores
from storage.records.feedback import customers as all_customers
from storage.records.jobs import Job, JobEnd, all_jobs, first_job_id, read_end, write_end
from storage.records.runs import open_runs, read_run, read_run_end, remove_run, run_names
from storage.versions.active_labels import ActiveLabels, read_active_labels
from tasks.jobs.activate_labels import end_complete_runs_of, has_default_output
from tasks.jobs.references import references_to_versions
from tasks.planning.record_cache import dataset_of


@dataclass(frozen=True)
class Unreferenced:
    """Labels (by job), scores (by model version) and runs without references."""

    labels: tuple[Job, ...]
    scores: tuple[tuple[str, int], ...]
    runs: tuple[tuple[str, str], ...]  # customer, name


def find_unreferenced(
    place: Place, customers: Collection[str] = (), keep: int | None = None
) -> Unreferenced:
    """Return what nothing refers to, of these customers.

    Without customers: of all, and also scores, which belong to no single customer. `keep`: old
    labels that stay of each dataset; None: as many as the customer's last run was told. Raises
    BadRecord.
    """
    jobs, of = all_jobs(place), defaultdict[str, list[Job]](list)
    for job in jobs:
        of[job.customer].append(job)
    old = [
        job
        for customer in customers or all_customers(place)
        for job in _old_of(place, customer, of[customer], keep)
    ]
    gone = {job.id for job in old}
    left = [job for job in jobs if job.id not in gone]
    return Unreferenced(
        labels=tuple(old),
        scores=() if customers else tuple(_unnamed_scores(place, left)),
        runs=tuple(_old_runs(place, customers or all_customers(place), {job.id for job in left})),
    )


def prune(place: Place, unreferenced: Unreferenced) -> Unreferenced:
    """Remove what is still without references; return what was removed. Raises CannotWrite."""
    labels = tuple(job for job in unreferenced.labels if _remove_labels(place, job))
    named = references_to_versions(place)
    unnamed = tuple(
        (model, version)
        for model, version in unreferenced.scores
        if ("models", model, version) not in named
    )
    for model, version in unnamed:
        place.clear(scores.folder(model, version))
    for customer, name in unreferenced.runs:
        remove_run(place, customer, name)
    return Unreferenced(labels, unnamed, unreferenced.runs)


def _remove_labels(place: Place, job: Job) -> bool:
    """Remove a job's labels unless something refers to them; return whether they were removed.

    The job is ended as removed before references are checked. So a process that begins to refer to
    it either does so before the check, or finds that the job is not done and starts it again
    (tasks.jobs.submit.reactivate_if_done, tasks.jobs.activate_labels).
    """
    before = read_end(place, job.id)
    if before is None or _is_named(place, job):
        return False
    write_end(place, job.id, JobEnd(status="removed"))
    if _is_named(place, job, removed=True):
        write_end(place, job.id, before)
        end_complete_runs_of(place, job)  # one may have looked in between
        return False
    for file in (labelled_output.SUCCESS, labelled_output.MANIFEST):
        job.output.remove(file)  # then nobody trusts the parts
    job.output.clear("")
    return True


def old_jobs(done: Iterable[Job], labels: ActiveLabels, keep: int) -> list[Job]:
    """Return the done jobs that are not active, without the `keep` newest of each dataset. Pure.

    A dataset without active labels keeps its newest job besides.
    """
    of: dict[str, list[Job]] = defaultdict(list)
    for job in sorted(done, key=lambda job: (job.submitted_at, job.id), reverse=True):
        counts = labels.datasets.get(job.dataset)
        if counts is None or job.id != counts.job:
            of[job.dataset].append(job)
    return [
        job for name, jobs in of.items() for job in jobs[keep + (name not in labels.datasets) :]
    ]


def _old_of(place: Place, customer: str, jobs: Iterable[Job], keep: int | None) -> list[Job]:
    """Return a customer's old jobs whose labels are below the root and may be removed.

    A stopped job can be resumed and stays.
    """
    labels, needed = read_active_labels(place, customer), _in_open_runs(place, customer)
    free = [job for job in jobs if has_default_output(place, job) and job.id not in needed]

    def is_old(job: Job) -> bool:
        end = read_end(place, job.id)
        return (
            end is not None and end.status == "done" and not _counts_by_itself(place, job, labels)
        )

    done = [
        job for job, old in zip(free, map_concurrently(place, is_old, free), strict=True) if old
    ]
    return old_jobs(done, labels, labels.keep if keep is None else keep)


def _is_named(place: Place, job: Job, *, removed: bool = False) -> bool:
    """Return whether the job's labels are active, a run needs them, or the job is open.

    `removed`: it was ended as removed just now.
    """
    end = read_end(place, job.id)
    if end is None or end.status != ("removed" if removed else "done"):
        return True
    labels = read_active_labels(place, job.customer)
    label = labels.datasets.get(job.dataset)
    counts = _counts_by_itself(place, job, labels) if label is None else label.job == job.id
    return counts or job.id in _in_open_runs(place, job.customer)


def _counts_by_itself(place: Place, job: Job, labels: ActiveLabels) -> bool:
    """Return whether its labels are active as the first ones of a batch of messages."""
    return job.dataset not in labels.datasets and job.id == first_job_id(dataset_of(place, job))


def _in_open_runs(place: Place, customer: str) -> set[str]:
    return {each.job for run in open_runs(place, customer) for each in run.jobs}


def _unnamed_scores(place: Place, jobs: Iterable[Job]) -> Iterator[tuple[str, int]]:
    named: Mapping[tuple[str, str, int], list[str]] = references_to_versions(place, jobs)
    for model in place.names("scores"):
        for version in place.names(f"scores/{model}"):
            if version.isdigit() and ("models", model, int(version)) not in named:
                yield model, int(version)


def _old_runs(
    place: Place, customers: Iterable[str], left: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the runs that have ended and of which no labels are left."""

    def is_old(customer: str, name: str) -> bool:
        if read_run_end(place, customer, name) is None:
            return False
        with suppress(Absent):  # its record was removed before the end of it
            return all(each.job not in left for each in read_run(place, customer, name).jobs)
        return True

    for customer in customers:
        last = read_active_labels(place, customer).run
        names = [name for name in run_names(place, customer) if name != last]
        are_old = map_concurrently(place, partial(is_old, customer), names)
        yield from ((customer, name) for name, old in zip(names, are_old, strict=True) if old)
