"""`chorus labels`: which labelled parts count now, for readers and people."""

import json

from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import customers as all_customers
from storage.records.jobs import read_job
from tasks.jobs.activate_labels import active_jobs

_COLUMNS = ("customer", "dataset", "job", "ensemble", "output")


def show_labels(settings: Settings, customers: tuple[str, ...], *, as_json: bool) -> None:
    """Each dataset of these customers (none named: all) with the job whose labels count, and where
    they lie.
    """
    place = open_place(settings.home)
    found = [
        label
        for customer in customers or all_customers(place)
        for label in _labels(place, customer)
    ]
    if as_json:
        print(json.dumps({"labels": found}))
    else:
        print_table(_COLUMNS, [[label[name] for name in _COLUMNS] for label in found])


def _labels(place: Place, customer: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for dataset, name in sorted(active_jobs(place, customer).items()):
        job = read_job(place, name)
        found.append(
            {
                "customer": customer,
                "dataset": dataset,
                "job": job.id,
                "ensemble": f"{job.ensemble.name} {job.ensemble.version}",
                "models": {model.name: model.version for model in job.models},
                "output": job.out,
            }
        )
    return found
