"""`chorus status`, `logs`, `cancel`, `resume` and `export`: jobs that were submitted."""

from datetime import datetime

import click

from chorus.cli.options import JOB_STATES, Date, as_json, customers_option
from chorus.common.settings import from_environment
from tasks.formats.output_format import FORMATS, FileFormat


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
@click.argument("job")
@click.option("--follow", is_flag=True, help="Print later lines too, until the job ends.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each line.")
def logs(job: str, follow: bool, as_json: bool) -> None:
    """Print what the processes of this machine have logged of JOB, in the order of time."""
    from chorus.jobs.job_logs import show_logs

    show_logs(from_environment(), job, follow=follow, as_json=as_json)


@click.command()
@click.argument("job", required=False)
@customers_option("Only jobs of this customer.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(JOB_STATES),
    help="Only jobs in this state; may be given several times.",
)
@click.option("--since", type=Date(), metavar="DATE", help="Only jobs submitted since then.")
@click.option("--all", "all_", is_flag=True, help="Show all jobs that have ended.")
@click.option("--watch", is_flag=True, help="Show it again every second; one job until it ends.")
@as_json
def status(
    job: str | None,
    customers: tuple[str, ...],
    states: tuple[str, ...],
    since: datetime | None,
    all_: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Show open jobs and the latest twenty others, open runs, models and bridges; or JOB with
    progress, rate and time left.
    """
    if job is not None and (customers or states or since or all_):
        raise click.UsageError("--customer, --state, --since and --all go without JOB.")
    from chorus.jobs.job_selection import JobSelection
    from chorus.jobs.status import show_status

    selection = JobSelection(customers, states, since, all_)
    show_status(from_environment(), job, selection, as_json=as_json, watch=watch)


@click.command()
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--customer", metavar="C", help="All feedback of this customer, active labels.")
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    help="labels.csv, .xlsx, .jsonl or .parquet; also gs:// and s3://; - is standard output.",
)
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Default: as FILE ends.")
@click.option(
    "--force", is_flag=True, help="Write over FILE even if Chorus did not write it, or it changed."
)
@as_json
def export(
    jobs: tuple[str, ...],
    customer: str | None,
    out: str,
    format_: FileFormat | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write the rows of JOB in their order, with their columns and the labels, to FILE.

    Rejected rows are in their place, with the reason. Several jobs of one upload are put side by
    side.
    """
    from chorus.export.export_request import ExportRequest, export
    from chorus.jobs.lookup import find_job
    from storage.places.open_place import open_place

    settings = from_environment()
    place = open_place(settings.home)
    selected = tuple(find_job(place, job) for job in jobs)
    export(settings, ExportRequest(selected, customer, out, format_, force, as_json))
