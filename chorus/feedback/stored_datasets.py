"""`chorus feedback list` and `show`: the stored datasets, and one of them with its first rows."""

from collections import defaultdict
from dataclasses import asdict

from chorus.common.console import print_json, print_line
from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.feedback.find_dataset import find_dataset
from chorus.feedback.reject_examples import print_reject_examples, reject_examples
from storage.names import check_name
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import Dataset, datasets, read_chunk, read_dataset
from storage.records.feedback import customers as all_customers
from storage.records.jobs import all_jobs, read_end

_COLUMNS = ("dataset", "customer", "file", "rows", "rejected", "taken_in", "jobs")
_SHOWN_ROWS = 5
_SHOWN_CHARS = 80  # of a text


def list_datasets(settings: Settings, customers: tuple[str, ...], *, as_json: bool) -> None:
    """Print the datasets of these customers, none named: all, the oldest first. Raises BadName."""
    place = open_place(settings.home)
    chosen = [check_name("customer", one) for one in customers] or all_customers(place)
    jobs = _jobs_by_dataset(place)
    rows = [
        _summary(dataset, jobs[customer, dataset.id])
        for customer in dict.fromkeys(chosen)
        for dataset in datasets(place, customer)
    ]
    if as_json:
        print_json({"feedback": rows})
    elif rows:
        print_table(_COLUMNS, [[_cell(row[name]) for name in _COLUMNS] for row in rows])
    else:
        print_line("No feedback is stored.")


def show_dataset(settings: Settings, name: str, customer: str | None, *, as_json: bool) -> None:
    """Print one dataset. Raises NoSuchDataset, NoDataset, BadRecord."""
    place = open_place(settings.home)
    named = find_dataset(place, name, customer)
    dataset = read_dataset(place, named.customer, named.id)
    jobs = _jobs_by_dataset(place)[named.customer, named.id]
    examples, rows = reject_examples(place, dataset), _first_rows(place, dataset)
    facts = {
        **_summary(dataset, jobs),
        "rows_in": dataset.rows_in,
        "blank_rows": dataset.blank_rows,
        **dataset.source.model_dump(mode="json", include=_SHOWN_SOURCE),
        "columns": list(dataset.source.columns or dataset.columns),
        "chunks": len(dataset.chunks),
        "job_states": {job: _state(place, job) for job in jobs},
    }
    if as_json:
        rejects = [asdict(example) for example in examples]
        print_json({**facts, "rejects": rejects, "first_rows": rows})
        return
    print_table(("", ""), [(name, _cell(value)) for name, value in facts.items()])
    if examples:
        print_line("\nRejected:")
        print_reject_examples(examples)
    print_line("\nFirst rows:")
    print_table(("row", "id", "text"), [(row["row"], row["id"], row["text"]) for row in rows])


_SHOWN_SOURCE = {"format", "encoding", "text_column", "id_column", "sha256"}


def _summary(dataset: Dataset, jobs: list[str]) -> dict[str, object]:
    return {
        "dataset": dataset.id,
        "customer": dataset.customer,
        "file": dataset.source.name,
        "rows": dataset.rows,
        "rejected": dataset.rejected,
        "taken_in": dataset.taken_in and dataset.taken_in.isoformat(),
        "jobs": jobs,
    }


def _jobs_by_dataset(place: Place) -> dict[tuple[str, str], list[str]]:
    """Return (customer, dataset) → the ids of its jobs, the oldest first."""
    jobs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for job in all_jobs(place):
        jobs[job.customer, job.dataset].append(job.id)
    return jobs


def _state(place: Place, job: str) -> str:
    end = read_end(place, job)
    return "open" if end is None else end.status


def _first_rows(place: Place, dataset: Dataset) -> list[dict[str, object]]:
    if not dataset.chunks:
        return []
    rows = read_chunk(place, dataset, 0, ["row", "id", "text"]).slice(0, _SHOWN_ROWS).to_pylist()
    return [{**row, "text": row["text"][:_SHOWN_CHARS]} for row in rows]


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else value
