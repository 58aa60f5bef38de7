"""`chorus diff`: what changed between two jobs, or two versions of a model."""

from pathlib import Path
from typing import Any

import click

from chorus.settings import from_environment


@click.command()
@click.argument("a")
@click.argument("b", required=False)
@click.option("--customer", "customers", multiple=True, metavar="C", help="Feedback of these alone (default: all).")
@click.option("--since", type=click.DateTime(), help="Feedback that was taken in since then, UTC.")
@click.option("--rows", type=click.IntRange(1), help="Rows of feedback to look at, newest first (default: 20000).")
@click.option("--most", type=click.IntRange(0), default=20, show_default=True, help="Rows that moved most to show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of output.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page as well.")
def diff(**arguments: Any) -> None:
    """Compare two jobs, or two versions of a model on stored feedback: labels that flip, and the rows that moved most.

    A and B are the ids of two jobs, or MODEL@1 MODEL@challenger; MODEL alone is its champion against its challenger.
    """
    from chorus.diff import Asked, diff

    diff(from_environment(), Asked(**arguments))
