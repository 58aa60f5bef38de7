"""Tables for people, on standard output."""

from collections.abc import Sequence

from rich.console import Console  # noqa: TID251 — tables are escaped here
from rich.table import Table
from rich.text import Text

from chorus.common.console import print_line
from chorus.common.escape import escape_controls, escape_lines
from chorus.common.preview import Preview

_TEXT_CHARS = 60  # of a text in a cell
_WIDTH = 140  # of a table that does not go to a terminal


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    title: str | None = None,
    *,
    keep_lines: bool = False,
) -> None:
    """Print a line for each row, with numbers to the right.

    On a terminal it fits the window; in a file it is _WIDTH characters wide. `keep_lines`: texts of
    several lines are shown as such, else their newlines are escaped.
    """
    escape = escape_lines if keep_lines else escape_controls
    table = Table(
        title=None if title is None else _text(title),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for column, name in enumerate(header):
        numeric = bool(rows) and all(isinstance(row[column], int | float) for row in rows)
        table.add_column(_text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(escape(_cell(value))) for value in row))
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH)).print(table)


def print_preview(preview: Preview, labelled: int) -> None:
    """Print the first labelled rows, and the share of each label in `labelled` rows."""
    if preview.rows:
        names = ("id", "text", *preview.shares, "agreement")
        header = [name for name in names if name in preview.rows[0]]
        print_table(header, [[_preview_cell(row[name]) for name in header] for row in preview.rows])
        print_line()
    for target, shares in preview.shares.items():
        rows = [(label, count, f"{count / labelled:.1%}") for label, count in shares.items()]
        print_table((target, "rows", "share"), rows)
        print_line()


def _preview_cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, float):
        return f"{value:.2f}"
    return shorten_text(str(value))


def shorten_text(text: str) -> str:
    """Return the beginning of a text on one line, for a cell of a table."""
    text = " ".join(text.split())
    return text if len(text) <= _TEXT_CHARS else f"{text[: _TEXT_CHARS - 1]}…"


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _text(value: str) -> Text:
    """Return what rich shows as it is: without markup, and nothing in it that a terminal obeys."""
    return Text(escape_controls(value))
