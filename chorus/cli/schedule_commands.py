"""`chorus schedule …`: what chorus.toml sets going at its times."""

import sys

import click

from chorus.cli.options import as_json
from chorus.common.settings import from_environment


@click.group()
def schedule() -> None:
    """Stored feedback labelled again at set times, by the service; see docs/chorus-toml.md."""


@schedule.command("list")
@as_json
def list_schedules(as_json: bool) -> None:
    """Every schedule of chorus.toml: what it did last, and when it is due next."""
    from chorus.reprocess.schedule_runs import show_schedules

    show_schedules(from_environment(), as_json=as_json)


@schedule.command("run")
@click.argument("name")
@as_json
def run_schedule(name: str, as_json: bool) -> None:
    """Hand NAME to the running service now, without waiting for its time, which still comes."""
    from chorus.reprocess.schedule_runs import run

    sys.exit(run(from_environment(), name, as_json=as_json))
