"""`chorus diff A B`: compare the labels of two jobs, two runs or two versions of a model."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chorus.common.console import print_json, print_notice
from chorus.common.settings import Settings
from chorus.compare.difference import Difference
from chorus.compare.html_page import render_page
from chorus.compare.job_rows import diff_jobs
from chorus.compare.model_versions import diff_versions
from chorus.compare.output import print_difference, to_json_object
from chorus.compare.stored_feedback import newest_chunks, read_moved_texts
from chorus.jobs.lookup import find_job, find_run
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import dataset_path
from storage.records.jobs import Job
from storage.versions.version_store import CHAMPION, parse_version

_CHALLENGER = "challenger"
_DEFAULT_ROWS = 20_000


class BadSides(BadRequest):
    """Two sides that cannot be compared, or not with these options."""


@dataclass(frozen=True)
class DiffRequest:
    """Arguments of `chorus diff`, as given on the command line."""

    a: str
    b: str | None
    customers: tuple[str, ...]
    since: datetime | None
    rows: int | None
    most: int
    as_json: bool
    html: Path | None


@dataclass(frozen=True)
class ModelReference:
    """Model with a version number or an alias: `sentiment-bow@2`, `sentiment-bow@challenger`."""

    model: str
    version: int | str


def diff(settings: Settings, request: DiffRequest) -> None:
    """Print the difference of the two sides, and write it as an HTML page if one is requested.

    Raises BadSides, NoSuchJob, NoSuchRun, NotPublished, and what diff_jobs and diff_versions raise.
    """
    if request.html is not None and not request.html.absolute().parent.is_dir():
        raise BadSides(
            f"The folder of {request.html} does not exist. Create it, or name another file."
        )
    place = open_place(settings.home)
    sides = parse_sides(request.a, request.b)
    difference = (
        _compare_jobs(place, request, *sides)
        if isinstance(sides[0], str)
        else _compare_versions(settings, place, request, *sides)
    )
    texts = read_moved_texts(place, difference.moved)
    if request.html is not None:
        request.html.write_text(render_page(difference, texts), encoding="utf-8")
        print_notice(f"Page: {request.html}")
    if request.as_json:
        print_json(to_json_object(difference, texts))
    else:
        print_difference(difference, texts)


def parse_sides(a: str, b: str | None) -> tuple[ModelReference, ModelReference] | tuple[str, str]:
    """Return two versions of a model, or the names of two jobs or runs. Raises BadSides.

    Examples, and what each compares:

    sentiment-bow                    sentiment-bow@champion, sentiment-bow@challenger
    sentiment-bow@3                  sentiment-bow@champion, sentiment-bow@3
    sentiment-bow sentiment-bow@3    the same
    f8ee6253d2346cc5 0a1b2c3d4e5f    two jobs
    acme/nightly-1 acme/nightly-2    two runs of the customer acme
    """
    if b is None:
        after = _parse_reference(a, _CHALLENGER)
        return ModelReference(after.model, CHAMPION), after
    if "@" not in a + b:
        return a, b
    sides = _parse_reference(a), _parse_reference(b)
    if sides[0].model != sides[1].model:
        raise BadSides(
            f"{sides[0].model} and {sides[1].model} are two models. Give two versions of one, "
            f"such as {a} {sides[0].model}@2, or the ids of two jobs, which `chorus status` lists."
        )
    return sides


def _parse_reference(text: str, default: str = CHAMPION) -> ModelReference:
    model, _, version = text.partition("@")
    return ModelReference(model, parse_version(version or default))


def _compare_jobs(place: Place, request: DiffRequest, a: str, b: str) -> Difference:
    if request.customers or request.since or request.rows:
        raise BadSides(
            "--customer, --since and --rows go with two versions of a model: jobs and runs are "
            "compared as a whole."
        )
    return diff_jobs(place, (a, b), _find_jobs(place, a), _find_jobs(place, b), request.most)


def _find_jobs(place: Place, name: str) -> list[Job]:
    """Return the job of this id, or those of the run `<customer>/<run>`.

    Raises NoSuchJob, NoSuchRun, BadName, BadRecord.
    """
    if "/" not in name:
        return [find_job(place, name)]
    run = find_run(place, name)
    return [
        find_job(place, run_job.job)
        for run_job in run.jobs
        if place.exists(dataset_path(run.customer, run_job.dataset))  # else it was removed since
    ]


def _compare_versions(
    settings: Settings, place: Place, request: DiffRequest, a: ModelReference, b: ModelReference
) -> Difference:
    registry = ModelRegistry(place)
    before, after = (registry.resolve(side.model, side.version) for side in (a, b))
    chunks = newest_chunks(
        place, before.name, request.rows or _DEFAULT_ROWS, request.customers, request.since
    )
    if not chunks:
        raise BadSides(
            f"There is no stored feedback to compare the versions of {before.name} on: none of a "
            "customer whose ensemble uses it, or none since that date. Label an upload first, or "
            "choose other customers or an earlier date."
        )
    return diff_versions(settings, place, before, after, chunks, request.most)
