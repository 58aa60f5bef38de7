"""`chorus diff`: compare the labels of two jobs, two runs, or two versions of a model."""

from pathlib import Path
from typing import Any

import click

from chorus.cli.options import as_json, customers_option, since_option
from chorus.common.settings import from_environment


@click.command()
@click.argument("a")
@click.argument("b", required=False)
@customers_option("Only feedback of this customer; may be given several times (default: all).")
@since_option
@click.option(
    "--rows",
    type=click.IntRange(1),
    help="Rows of feedback to compare, newest first (default: 20000).",
)
@click.option(
    "--most",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Rows to show, those that moved most.",
)
@as_json
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the comparison as a page, too.",
)
def diff(html: Path | None, **arguments: Any) -> None:
    """Compare two jobs, two runs, or two versions of a model: which labels flip, which rows moved
    most.

    A and B are ids of jobs, CUSTOMER/RUN, or MODEL@1 MODEL@challenger; MODEL alone compares its
    champion with its challenger. Versions are compared on the newest stored feedback; chunks that
    they have not scored yet are scored now.
    """
    from chorus.compare.diff import DiffRequest, diff

    settings = from_environment()
    diff(settings, DiffRequest(html=html and settings.check_allowed_path(html), **arguments))
