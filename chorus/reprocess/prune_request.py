"""`chorus prune`: list or remove old labels, scores and runs that nothing refers to."""

from dataclasses import dataclass

from chorus.common.console import print_json, print_line
from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records import scores
from tasks.jobs.prune import Unreferenced, find_unreferenced, prune

_COLUMNS = ("what", "which", "files", "where")


@dataclass(frozen=True)
class PruneRequest:
    """The arguments of the command, as they came."""

    customers: tuple[str, ...]  # none: all
    keep: int | None
    remove: bool
    as_json: bool


def show_prunable(settings: Settings, request: PruneRequest) -> None:
    """Print what nothing refers to, and remove it if requested. Raises BadRecord, CannotWrite."""
    place = open_place(settings.home)
    unreferenced = find_unreferenced(place, request.customers, request.keep)
    rows = _rows(place, unreferenced)
    if request.remove:
        removed = {where for *_, where in _rows(place, prune(place, unreferenced))}
        rows = [row for row in rows if row[-1] in removed]
    if request.as_json:
        items = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        print_json({"removed": request.remove, "items": items})
        return
    print_table(_COLUMNS, rows)
    if not rows:
        print_line("There is nothing that could be removed.")
    else:
        print_line("Removed." if request.remove else "Nothing was removed. --remove removes these.")


def _rows(place: Place, unreferenced: Unreferenced) -> list[tuple[str, str, int, str]]:
    """Return kind, name, files and URL of each."""
    labels = [
        (
            "labels",
            f"{job.customer}, {job.submitted_at:%Y-%m-%d}",
            len(job.output.names("")),
            job.out,
        )
        for job in unreferenced.labels
    ]
    folders = [
        (model, version, scores.folder(model, version)) for model, version in unreferenced.scores
    ]
    old_scores = [
        ("scores", f"{model} {version}", len(place.names(folder)), place.url_of(folder))
        for model, version, folder in folders
    ]
    runs = [
        ("run", customer, 2, place.url_of(f"runs/{customer}/{name}"))
        for customer, name in unreferenced.runs
    ]
    return [*labels, *old_scores, *runs]
