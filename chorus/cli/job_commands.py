"""`chorus status`, `cancel` and `resume`: jobs that were submitted."""

import click

from chorus.cli.options import as_json
from chorus.common.settings import from_environment


@click.command()
@click.argument("job")
def cancel(job: str) -> None:
    """Stop JOB, or all jobs of a run (CUSTOMER/RUN); finished work is kept."""
    from chorus.jobs.manage import cancel

    cancel(from_environment(), job)


@click.command()
@click.argument("job")
def resume(job: str) -> None:
    """Let the running service continue JOB, which failed, was cancelled or was interrupted."""
    from chorus.jobs.manage import resume

    resume(from_environment(), job)


@click.command()
@click.argument("job", required=False)
@click.option("--watch", is_flag=True, help="Show it again every second; one job until it ends.")
@as_json
def status(job: str | None, watch: bool, as_json: bool) -> None:
    """Show all jobs, open runs, models and bridges; or JOB with progress, rate and time left."""
    from chorus.jobs.status import show_status

    show_status(from_environment(), job, as_json=as_json, watch=watch)
