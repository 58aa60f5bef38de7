"""Tables for people, on standard output."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from chorus.common.preview import Preview

_LONGEST = 60  # characters of a text in a first look
_WIDTH = 140  # of a table that does not go to a terminal


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None
) -> None:
    """One line a row; numbers to the right. Not cut to the window when the output is a file."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for at, name in enumerate(header):
        numeric = bool(rows) and all(isinstance(row[at], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH)).print(table)


def print_look(found: Preview, labelled: int) -> None:
    """The first labelled rows, and the share of each label in `labelled` rows."""
    if found.rows:
        names = [
            name for name in ("id", "text", *found.shares, "agreement") if name in found.rows[0]
        ]
        print_table(names, [[_cell(row[name]) for name in names] for row in found.rows])
        print()
    for target, shares in found.shares.items():
        rows = [(label, count, f"{count / labelled:.1%}") for label, count in shares.items()]
        print_table((target, "rows", "share"), rows)
        print()


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, float):
        return f"{value:.2f}"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _text(value: object) -> str:
    from rich.markup import escape

    return escape(
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:.4g}"
        if isinstance(value, float)
        else str(value)
    )
