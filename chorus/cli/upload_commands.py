"""`chorus score`, `submit` and `plan`: a file of feedback becomes a job."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any

import click

from chorus.cli.options import (
    customers_option,
    device_option,
    labelling_options,
    settings_with_device,
    since_option,
    upload_options,
)
from chorus.common.process_setup import block_pandas
from chorus.common.settings import from_environment
from intake.isolation.reader_process import start_reader_process
from processes.piped_process import PipedProcess


@contextmanager
def _reader_process() -> Iterator[PipedProcess]:
    """Start the process that reads FILE, while the modules of the command are imported."""
    process = start_reader_process(block_pandas)
    try:
        yield process
    finally:
        process.stop()


@click.command()
@upload_options
@device_option
def score(device: str | None, **arguments: Any) -> None:
    """Label FILE and wait for the result.

    FILE is CSV, TSV, JSON Lines, Parquet, .xlsx, .ods or .xls, also as .gz or alone in a .zip; - is
    standard input.
    """
    with _reader_process() as reader:
        from chorus.uploads.prepare_jobs import UploadRequest
        from chorus.uploads.upload_request import score

        sys.exit(score(settings_with_device(device), UploadRequest(**arguments), reader))


@click.command()
@upload_options
def submit(**arguments: Any) -> None:
    """Hand FILE to a running service, and print the id of the job."""
    with _reader_process() as reader:
        from chorus.uploads.prepare_jobs import UploadRequest
        from chorus.uploads.upload_request import submit

        sys.exit(submit(from_environment(), UploadRequest(**arguments), reader))


@click.command()
@click.argument("file_or_job", metavar="[FILE|JOB]", required=False)
@customers_option("Owner of FILE; without FILE, whose stored feedback would be labelled again.")
@click.option("--all", "for_all", is_flag=True, help="Plan `chorus reprocess --all`.")
@since_option
@labelling_options
def plan(
    file_or_job: str | None,
    customers: tuple[str, ...],
    for_all: bool,
    since: datetime | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show which models, cells, time and memory FILE, JOB or `chorus reprocess` would take.

    Nothing is started, and nothing is stored. FILE is read as `chorus score` reads it, and its
    rejects are shown with their reasons.
    """
    if file_or_job is None:
        if for_all == bool(customers):
            raise click.UsageError(
                "Give FILE or JOB; or either --customer C, once or several times, or --all."
            )
        from chorus.uploads.plan_preview import plan_reprocess

        plan_reprocess(from_environment(), customers, since, as_json=as_json)
        return
    if for_all or since or len(customers) > 1:
        raise click.UsageError(
            "FILE and JOB go with one --customer at the most, and neither with --all nor --since."
        )
    # Path.exists raises for a name that is too long, which is refused later
    exists = os.path.exists(file_or_job)  # noqa: PTH110 — see above
    with _reader_process() if exists else nullcontext() as reader:
        from chorus.uploads.plan_preview import plan_file_or_job

        sys.exit(
            plan_file_or_job(
                from_environment(),
                file_or_job,
                customers[0] if customers else "default",
                as_json=as_json,
                reader=reader,
                **options,
            )
        )
