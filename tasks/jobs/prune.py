"""Prune: remove old labels, scores of old versions and old runs that nothing refers to.

Nothing is lost for good: feedback stays, and the same request later gives the same job and the same
labels, at the cost of scoring again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
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
    """Labels, scores and runs that nothing refers to."""

    labels: tuple[Job, ...]  # by their job
    scores: tuple[tuple[str, int], ...]  # by model and version
    runs: tuple[tuple[str, str], ...]  # by customer and name


def find_unreferenced(
    place: Place, customers: Collection[str] = (), keep: int | None = None
) -> Unreferenced:
    """Return the labels and runs of these customers that nothing refers to.

    Without customers: those of all customers, and also scores, which belong to no single customer.
    `keep`: how many old labels of each dataset stay; None: as many as the customer's last run says.
    Raises BadRecord.
    """
    jobs, jobs_by_customer = all_jobs(place), defaultdict[str, list[Job]](list)
    for job in jobs:
        jobs_by_customer[job.customer].append(job)
    old = [
        job
        for customer in customers or all_customers(place)
        for job in _prunable_jobs(place, customer, jobs_by_customer[customer], keep)
    ]
    old_ids = {job.id for job in old}
    kept = [job for job in jobs if job.id not in old_ids]
    return Unreferenced(
        labels=tuple(old),
        scores=() if customers else tuple(_unreferenced_scores(place, kept)),
        runs=tuple(_old_runs(place, customers or all_customers(place), {job.id for job in kept})),
    )


def prune(place: Place, unreferenced: Unreferenced) -> Unreferenced:
    """Remove what is still without references; return what was removed. Raises CannotWrite."""
    labels = tuple(job for job in unreferenced.labels if _remove_labels(place, job))
    referenced = references_to_versions(place)
    pruned_scores = tuple(
        (model, version)
        for model, version in unreferenced.scores
        if ("models", model, version) not in referenced
    )
    for model, version in pruned_scores:
        place.clear(scores.folder(model, version))
    for customer, name in unreferenced.runs:
        remove_run(place, customer, name)
    return Unreferenced(labels, pruned_scores, unreferenced.runs)


def _remove_labels(place: Place, job: Job) -> bool:
    """Remove a job's labels unless something refers to them; return whether they were removed.

    The job is ended as removed before references are checked. So a process that begins to refer to
    it either does so before the check, or finds that the job is not done and starts it again
    (tasks.jobs.submit.reactivate_if_done, tasks.jobs.activate_labels).
    """
    before = read_end(place, job.id)
    if before is None or _is_referenced(place, job):
        return False
    write_end(place, job.id, JobEnd(status="removed"))
    if _is_referenced(place, job, removed=True):
        write_end(place, job.id, before)
        end_complete_runs_of(place, job)  # one may have read it as removed in between
        return False
    for file in (labelled_output.SUCCESS, labelled_output.MANIFEST):
        job.output.remove(file)  # without these no process uses the parts
    job.output.clear("")
    return True


def jobs_to_prune(done: Iterable[Job], labels: ActiveLabels, keep: int) -> list[Job]:
    """Return the done jobs that are not active, without the `keep` newest of each dataset. Pure.

    Of a dataset without active labels one more stays.
    """
    inactive: dict[str, list[Job]] = defaultdict(list)
    for job in sorted(done, key=lambda job: (job.submitted_at, job.id), reverse=True):
        active = labels.datasets.get(job.dataset)
        if active is None or job.id != active.job:
            inactive[job.dataset].append(job)
    return [
        job
        for dataset, jobs in inactive.items()
        for job in jobs[keep + (dataset not in labels.datasets) :]
    ]


def _prunable_jobs(place: Place, customer: str, jobs: Iterable[Job], keep: int | None) -> list[Job]:
    """Return those of a customer's jobs whose labels are in the default folder and may be removed.

    Jobs of open runs stay. So do stopped jobs, which can be resumed.
    """
    labels, in_runs = read_active_labels(place, customer), _jobs_in_open_runs(place, customer)
    candidates = [job for job in jobs if has_default_output(place, job) and job.id not in in_runs]

    def is_prunable(job: Job) -> bool:
        end = read_end(place, job.id)
        return (
            end is not None and end.status == "done" and not _is_first_of_batch(place, job, labels)
        )

    prunable = map_concurrently(place, is_prunable, candidates)
    done = [job for job, selected in zip(candidates, prunable, strict=True) if selected]
    return jobs_to_prune(done, labels, labels.keep if keep is None else keep)


def _is_referenced(place: Place, job: Job, *, removed: bool = False) -> bool:
    """Return whether the job's labels are active, a run needs them, or the job is open.

    `removed`: it was ended as removed just now.
    """
    end = read_end(place, job.id)
    if end is None or end.status != ("removed" if removed else "done"):
        return True
    labels = read_active_labels(place, job.customer)
    label = labels.datasets.get(job.dataset)
    is_active = _is_first_of_batch(place, job, labels) if label is None else label.job == job.id
    return is_active or job.id in _jobs_in_open_runs(place, job.customer)


def _is_first_of_batch(place: Place, job: Job, labels: ActiveLabels) -> bool:
    """Return whether its labels are active as the first ones of a batch of messages."""
    return job.dataset not in labels.datasets and job.id == first_job_id(dataset_of(place, job))


def _jobs_in_open_runs(place: Place, customer: str) -> set[str]:
    return {run_job.job for run in open_runs(place, customer) for run_job in run.jobs}


def _unreferenced_scores(place: Place, jobs: Iterable[Job]) -> Iterator[tuple[str, int]]:
    referenced = references_to_versions(place, jobs)
    for model in place.names("scores"):
        for version in place.names(f"scores/{model}"):
            if version.isdigit() and ("models", model, int(version)) not in referenced:
                yield model, int(version)


def _old_runs(
    place: Place, customers: Iterable[str], kept: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield customer and name of the ended runs none of whose jobs are kept."""

    def is_old(customer: str, name: str) -> bool:
        if read_run_end(place, customer, name) is None:
            return False
        with suppress(Absent):  # an interrupted removal left only the end record
            return all(one.job not in kept for one in read_run(place, customer, name).jobs)
        return True

    for customer in customers:
        last = read_active_labels(place, customer).run
        names = [name for name in run_names(place, customer) if name != last]
        are_old = map_concurrently(place, partial(is_old, customer), names)
        yield from ((customer, name) for name, old in zip(names, are_old, strict=True) if old)
