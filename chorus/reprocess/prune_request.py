"""`chorus prune`: old labels, scores and records that nothing names any more; removed only with
--remove.
"""

import json
from dataclasses import dataclass

from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records import scores
from tasks.jobs.prune import Unreferenced, find_unreferenced, prune


@dataclass(frozen=True)
class PruneRequest:
    """The arguments of the command, as they came."""

    customers: tuple[str, ...]  # none: all
    keep: int | None
    remove: bool
    as_json: bool


def show_prunable(settings: Settings, asked: PruneRequest) -> None:
    """Print what nothing names, and remove it if that was asked for. Raises BadRecord, CannotWrite."""
    place = open_place(settings.home)
    found = find_unreferenced(place, asked.customers, asked.keep)
    rows = _rows(place, found)
    if asked.remove:
        removed = prune(place, found)
        gone = {where for *_, where in _rows(place, removed)}
        rows = [row for row in rows if row[-1] in gone]
    if asked.as_json:
        keys = ("what", "which", "files", "where")
        items = [dict(zip(keys, row, strict=True)) for row in rows]
        print(json.dumps({"removed": asked.remove, "items": items}))
        return
    print_table(("what", "which", "files", "where"), rows)
    said = "Removed." if asked.remove else "Nothing was removed; with --remove it is."
    print(said if rows else "There is nothing that could be removed.")


def _rows(place: Place, found: Unreferenced) -> list[tuple[str, str, int, str]]:
    labels = [
        (
            "labels",
            f"{job.customer}, {job.submitted_at:%Y-%m-%d}",
            len(job.output.names("")),
            job.out,
        )
        for job in found.labels
    ]
    folders = [(model, version, scores.folder(model, version)) for model, version in found.scores]
    old = [
        ("scores", f"{model} {version}", len(place.names(folder)), place.url_of(folder))
        for model, version, folder in folders
    ]
    records = [
        ("run", customer, 2, place.url_of(f"runs/{customer}/{name}"))
        for customer, name in found.runs
    ]
    return [*labels, *old, *records]
