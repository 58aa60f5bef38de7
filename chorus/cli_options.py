"""Arguments that several commands share."""

from typing import Any

import click

_LABELLING = (
    click.option("--out", metavar="DIR", help="Where the labelled parts go (default: below CHORUS_HOME)."),
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
    click.option("--deadline", type=click.FloatRange(0), metavar="MINUTES", help="From now; goes before bulk."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of output."),
)
_UPLOAD = (
    click.argument("file"),
    click.option("--customer", default="default", show_default=True, help="Whose feedback; picks the ensemble."),
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
