"""Options and arguments that several commands share."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from chorus.common.setting_types import DEVICE
from chorus.common.settings import Settings, from_environment
from intake.detect.file_format import FORMATS

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object as the last line of output."
)


class Date(click.DateTime):
    """A parameter type: a day or a time; in UTC where it names no time zone."""

    def __init__(self) -> None:
        super().__init__(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the time, with a time zone."""
        time: datetime = super().convert(value, param, ctx)
        return time if time.tzinfo else time.replace(tzinfo=UTC)


device_option = click.option(
    "--device",
    metavar="auto|cpu|cuda|cuda:N",
    help="Where models that can use a GPU compute (default: CHORUS_DEVICE, or auto).",
)


# what `chorus status` says of a job
JOB_STATES = ("running", "done", "failed", "cancelled", "interrupted", "incomplete", "unreadable")


def customers_option(meaning: str) -> Callable[[F], F]:
    """Return the option `--customer`, which may be given several times."""
    return click.option("--customer", "customers", multiple=True, metavar="C", help=meaning)


since_option = click.option(
    "--since", type=Date(), metavar="DATE", help="Only feedback taken in since then."
)

_LABELLING = (
    click.option(
        "--out",
        metavar="FILE|DIR",
        help="labels.csv, .xlsx, .jsonl or .parquet: write all rows with their labels to this file "
        "too. Another name: the folder for the labelled parts (default: below CHORUS_HOME).",
    ),
    click.option(
        "--text",
        "texts",
        metavar="COLUMN",
        multiple=True,
        help="The column with the text; several are labelled one by one, each by a job.",
    ),
    click.option(
        "--join-text", is_flag=True, help="Join the columns of --text to one text, by blank lines."
    ),
    click.option("--id", "id_column", metavar="COLUMN", help="The column with the id."),
    click.option(
        "--no-id", is_flag=True, help="Use the numbers of the rows as ids, whatever columns it has."
    ),
    click.option(
        "--allow-duplicates",
        is_flag=True,
        help="Reject rows with a repeated id, however many; else more than 1 % are refused.",
    ),
    click.option(
        "--force",
        is_flag=True,
        help="Label the file even if more than half its rows are rejected, and write over the file "
        "of --out even if Chorus did not write it.",
    ),
    click.option("--encoding", help="Text encoding of the file (default: detected)."),
    click.option(
        "--format",
        "format_",
        type=click.Choice(FORMATS),
        help="Format of the file (default: by its content, then its name).",
    ),
    click.option("--sheet", metavar="NAME", help="The sheet of a workbook: its name or number."),
    click.option("--no-text", is_flag=True, help="Leave the text out of the labelled rows."),
    click.option(
        "--keep-columns",
        is_flag=True,
        help="Keep all other columns of the file in the labelled rows.",
    ),
    click.option(
        "--priority",
        type=click.Choice(["live", "bulk", "nightly"]),
        default="bulk",
        show_default=True,
        help="Order of jobs in a busy service. Jobs of up to 256 rows count as live.",
    ),
    click.option(
        "--deadline",
        type=click.FloatRange(0),
        metavar="MINUTES",
        help="Minutes from now; such a job goes before bulk ones.",
    ),
    as_json,
)
_UPLOAD = (
    click.argument("file"),
    click.option(
        "--customer",
        default="default",
        show_default=True,
        help="Owner of the feedback; selects the ensemble.",
    ),
)


def upload_options(command: Any) -> Any:  # Any: click's decorators do not keep types
    """Add the arguments of a command that takes a file of feedback."""
    return _with(labelling_options(command), _UPLOAD)


def labelling_options(command: Any) -> Any:
    """Add the options that say how a file of feedback is read and labelled."""
    return _with(command, _LABELLING)


def _with(command: Any, options: tuple[Any, ...]) -> Any:
    for option in reversed(options):
        command = option(command)
    return command


def settings_with_device(device: str | None) -> Settings:
    """Return the settings of the environment, with the device of the option. Raises BadSetting."""
    settings = from_environment()
    if device is None:
        return settings
    return replace(settings, device=DEVICE.read("--device", device))
