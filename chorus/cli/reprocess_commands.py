"""`chorus reprocess`, `schedule`, `labels` and `prune`: stored feedback and its labels."""

import sys
from typing import Any

import click

from chorus.cli.options import Date, as_json, customers_option, since_option
from chorus.common.settings import from_environment


@click.command()
@customers_option("Only feedback of this customer; may be given several times.")
@click.option("--all", "for_all", is_flag=True, help="The feedback of all customers.")
@since_option
@click.option("--until", type=Date(), metavar="DATE", help="Only feedback taken in before then.")
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="How many earlier labels of each dataset `chorus prune` keeps.",
)
@click.option("--detach", is_flag=True, help="Hand it to the running service and return.")
@as_json
def reprocess(customers: tuple[str, ...], for_all: bool, **arguments: Any) -> None:
    """Label stored feedback again with today's champions; only missing cells are scored.

    The earlier labels stay active until all new labels are complete.
    """
    from chorus.reprocess.reprocess_request import reprocess
    from chorus.reprocess.reprocess_runs import ReprocessRequest

    if for_all == bool(customers):
        raise click.UsageError("Give either --customer C, once or several times, or --all.")
    reprocess(from_environment(), ReprocessRequest(customers=customers, **arguments))


@click.command()
@customers_option("Only labels of this customer; may be given several times (default: all).")
@as_json
def labels(customers: tuple[str, ...], as_json: bool) -> None:
    """List the active labels: for each dataset its job and output folder."""
    from chorus.reprocess.labels import show_labels

    show_labels(from_environment(), customers, as_json=as_json)


@click.command()
@customers_option("Only labels and runs of this customer, no scores (default: all, and scores).")
@click.option(
    "--keep",
    type=click.IntRange(0),
    help="Earlier labels of each dataset that stay (default: as the last run said, or 1).",
)
@click.option("--remove", is_flag=True, help="Remove them; without this they are only listed.")
@as_json
def prune(**arguments: Any) -> None:
    """List or remove old labels, scores of old versions and old runs that nothing refers to."""
    from chorus.reprocess.prune_request import PruneRequest, show_prunable

    show_prunable(from_environment(), PruneRequest(**arguments))


@click.group()
def schedule() -> None:
    """Show and start the schedules by which the service reprocesses; see docs/chorus-toml.md."""


@schedule.command("list")
@as_json
def list_schedules(as_json: bool) -> None:
    """List every schedule of chorus.toml: its last run, and when it is due next."""
    from chorus.reprocess.schedule_runs import show_schedules

    show_schedules(from_environment(), as_json=as_json)


@schedule.command("run")
@click.argument("name")
@as_json
def run_schedule(name: str, as_json: bool) -> None:
    """Start the schedule NAME in the running service now; its next time stays."""
    from chorus.reprocess.schedule_runs import run_schedule

    sys.exit(run_schedule(from_environment(), name, as_json=as_json))
