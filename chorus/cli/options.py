"""Arguments that several commands share."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object as the last line of output."
)


class Date(click.DateTime):
    """A day or a moment; UTC where it names no zone."""

    def __init__(self) -> None:
        super().__init__(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The moment, with a zone."""
        found: datetime = super().convert(value, param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def customers_option(meaning: str) -> Callable[[F], F]:
    """`--customer`, any number of times."""
    return click.option("--customer", "customers", multiple=True, metavar="C", help=meaning)


since_option = click.option(
    "--since", type=Date(), metavar="DATE", help="Only feedback taken in from then on."
)

_LABELLING = (
    click.option(
        "--out", metavar="DIR", help="Where the labelled parts go (default: below CHORUS_HOME)."
    ),
    click.option("--text", metavar="COLUMN", help="The column that holds the text."),
    click.option("--id", "id_column", metavar="COLUMN", help="The column that holds the id."),
    click.option("--encoding", help="Text encoding of the file, when it cannot be told from it."),
    click.option("--format", "format_", type=click.Choice(["csv", "tsv", "jsonl", "parquet"])),
    click.option("--no-text", is_flag=True, help="Leave the texts out of the labelled rows."),
    click.option("--keep-columns", is_flag=True, help="Carry your own columns along."),
    click.option(
        "--priority",
        type=click.Choice(["live", "bulk", "nightly"]),
        default="bulk",
        show_default=True,
        help="Who goes first in a busy service. Up to 256 rows go with live ones.",
    ),
    click.option(
        "--deadline",
        type=click.FloatRange(0),
        metavar="MINUTES",
        help="From now; goes before bulk.",
    ),
    as_json,
)
_UPLOAD = (
    click.argument("file"),
    click.option(
        "--customer",
        default="default",
        show_default=True,
        help="Whose feedback; picks the ensemble.",
    ),
)


def upload_options(command: Any) -> Any:  # Any: click's decorators do not keep types
    """The arguments of every command that takes a file of feedback."""
    return _with(labelling_options(command), _UPLOAD)


def labelling_options(command: Any) -> Any:
    """How a file of feedback is read and labelled."""
    return _with(command, _LABELLING)


def _with(command: Any, options: tuple[Any, ...]) -> Any:
    for option in reversed(options):
        command = option(command)
    return command
