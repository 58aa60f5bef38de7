"""What commands print: every line goes through here, and is escaped.

Nothing else in chorus/ may call `print`, `click.echo` or a console of its own; ruff checks it.
"""

import json
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

from chorus.common.escape import escape_json, escape_lines

if TYPE_CHECKING:
    from rich.console import Console


def print_line(text: str = "") -> None:
    """Print to standard output, at once; newlines within the text stay."""
    print(escape_lines(text), flush=True)


def print_notice(text: str) -> None:
    """Print to standard error; newlines within the text stay."""
    print(escape_lines(text), file=sys.stderr, flush=True)


def print_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an error that nothing handles to standard error, in the place of sys.excepthook."""
    print_notice("".join(traceback.format_exception(kind, error, trace)).removesuffix("\n"))


def print_json(value: object) -> None:
    """Print one line of ASCII on standard output: the value as JSON, true in every character."""
    print(json.dumps(value), flush=True)


def print_indented_json(value: object) -> None:
    """Print the value as JSON for people, on several lines of standard output."""
    print(escape_json(json.dumps(value, indent=2, ensure_ascii=False)), flush=True)


def stderr_console() -> "Console":
    """Return a console for progress on standard error. Whoever uses it escapes what it shows."""
    from rich.console import Console

    return Console(stderr=True)


def clear_screen() -> None:
    """Clear the terminal that standard output goes to, if it goes to one."""
    from rich.console import Console

    Console().clear()
