"""`chorus feedback list`, `show` and `remove`: stored datasets."""

import click

from chorus.cli.options import as_json, customers_option
from chorus.common.settings import from_environment

_customer = click.option(
    "--customer", metavar="C", help="Owner of the dataset (default: the customer that has it)."
)


@click.group()
def feedback() -> None:
    """Show and remove stored feedback: each upload is a dataset."""


@feedback.command("list")
@customers_option("Only feedback of this customer; may be given several times (default: all).")
@as_json
def list_feedback(customers: tuple[str, ...], as_json: bool) -> None:
    """List the stored datasets: file, rows, rejects, and the jobs that label them."""
    from chorus.feedback.stored_datasets import list_datasets

    list_datasets(from_environment(), customers, as_json=as_json)


@feedback.command("show")
@click.argument("dataset")
@_customer
@as_json
def show_feedback(dataset: str, customer: str | None, as_json: bool) -> None:
    """Show how DATASET was read, its rejects by reason, its jobs and its first rows.

    DATASET is an id, or the beginning of one.
    """
    from chorus.feedback.stored_datasets import show_dataset

    show_dataset(from_environment(), dataset, customer, as_json=as_json)


@feedback.command("remove")
@click.argument("dataset")
@_customer
@click.option("--yes", is_flag=True, help="Remove it; without this, what would go is only listed.")
@as_json
def remove_feedback(dataset: str, customer: str | None, yes: bool, as_json: bool) -> None:
    """Remove DATASET, its rejects, its jobs, and their labels below CHORUS_HOME.

    Labels written to --out and scores stay. A dataset that a running job or run needs is refused.
    """
    from chorus.feedback.remove_dataset import remove_dataset

    remove_dataset(from_environment(), dataset, customer, yes=yes, as_json=as_json)
