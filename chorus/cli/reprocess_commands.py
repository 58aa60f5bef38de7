"""`chorus reprocess`, `labels` and `prune`: stored feedback and its labels."""

from typing import Any

import click

from chorus.cli.options import Date, as_json, customers_option, since_option
from chorus.common.settings import from_environment


@click.command()
@customers_option("Whose feedback; may be given several times.")
@click.option("--all", "everybody", is_flag=True, help="The feedback of all customers.")
@since_option
@click.option("--until", type=Date(), metavar="DATE", help="Only feedback taken in before then.")
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Old labels that `chorus prune` leaves.",
)
@click.option("--detach", is_flag=True, help="Hand it to the running service, and do not wait.")
@as_json
def reprocess(customers: tuple[str, ...], everybody: bool, **arguments: Any) -> None:
    """Label stored feedback again with today's champions; only what is missing is scored.

    The labels from before count until all of the new ones are there.
    """
    from chorus.reprocess.reprocess_request import reprocess
    from chorus.reprocess.reprocess_runs import ReprocessRequest

    if everybody == bool(customers):
        raise click.UsageError("Give either --customer C, once or several times, or --all.")
    reprocess(from_environment(), ReprocessRequest(customers=customers, **arguments))


@click.command()
@customers_option("Whose labels (default: everybody's).")
@as_json
def labels(customers: tuple[str, ...], as_json: bool) -> None:
    """Which labels count now: for each dataset the job that made them, and where they lie."""
    from chorus.reprocess.labels import show_labels

    show_labels(from_environment(), customers, as_json=as_json)


@click.command()
@customers_option("Only their labels and runs, and no scores (default: everybody's, and scores).")
@click.option(
    "--keep",
    type=click.IntRange(0),
    help="Old labels that stay (default: as the last run was told, or 1).",
)
@click.option(
    "--remove", is_flag=True, help="Remove it; without this it is only said what would be removed."
)
@as_json
def prune(**arguments: Any) -> None:
    """Remove old labels, scores of old versions and records of old runs that nothing names any
    more.
    """
    from chorus.reprocess.prune_request import PruneRequest, show_prunable

    show_prunable(from_environment(), PruneRequest(**arguments))
