"""`chorus labels`: the active labels of each dataset, for readers and people."""

from chorus.common.console import print_json
from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import customers as all_customers
from storage.records.jobs import read_job
from tasks.jobs.activate_labels import active_jobs

_COLUMNS = ("customer", "dataset", "job", "ensemble", "output")


def show_labels(settings: Settings, customers: tuple[str, ...], *, as_json: bool) -> None:
    """Print the datasets of these customers, none named: all, with the job of their active labels
    and its output.
    """
    place = open_place(settings.home)
    labels = [
        label
        for customer in customers or all_customers(place)
        for label in _labels(place, customer)
    ]
    if as_json:
        print_json({"labels": labels})
    else:
        print_table(_COLUMNS, [[label[name] for name in _COLUMNS] for label in labels])


def _labels(place: Place, customer: str) -> list[dict[str, object]]:
    labels: list[dict[str, object]] = []
    for dataset, job_id in sorted(active_jobs(place, customer).items()):
        job = read_job(place, job_id)
        labels.append(
            {
                "customer": customer,
                "dataset": dataset,
                "job": job.id,
                "ensemble": f"{job.ensemble.name} {job.ensemble.version}",
                "models": {model.name: model.version for model in job.models},
                "output": job.out,
            }
        )
    return labels
