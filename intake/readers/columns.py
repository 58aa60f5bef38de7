"""Which column holds the text, and which the id."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from intake.errors import UnreadableUpload

_TEXT = (
    "texts?|feedbacks?|comments?|reviews?|responses?|answers?|messages?|body|content|verbatims?|tweets?|remarks?"
    "|opinions?"
)
# What may stand before or after one of those: customer_feedback, review text, survey response,
# fullText.
_BESIDE = "customer|client|user|guest|survey|open|free|full|raw|original|product|the"
_TEXT_NAME = re.compile(f"(?:{_TEXT})")
_TEXT_COMPOUND = re.compile(f"(?:{_BESIDE})*(?:{_TEXT})(?:{_TEXT}|{_BESIDE})*")
# Not customer_id or product_id: those repeat from row to row.
_ID_COMPOUND = re.compile(
    "(?:survey|feedback|response|review|ticket|comment|message|answer|tweet|row|record|entry|submission)*"
    "(?:id|uuid|guid|identifier)"
)
_MOST_SHOWN = 30


@dataclass(frozen=True)
class ColumnPositions:
    """The columns of an upload, by position."""

    text: int
    id: int | None


def choose_columns(
    name: str, columns: Sequence[str], text: str | None, id_: str | None
) -> ColumnPositions:
    """Positions of the text and the id column of the upload `name`: as asked for, else by their
    usual names.

    Case, spaces, underscores and hyphens do not matter. Raises UnreadableUpload, which lists the columns
    found.
    """
    text_at = _usual_text(name, columns) if text is None else _asked(name, columns, text, "--text")
    id_at = _usual_id(columns, text_at) if id_ is None else _asked(name, columns, id_, "--id")
    if text_at == id_at:
        raise UnreadableUpload(
            name,
            f"column {columns[text_at]!r} is asked for both as text and as id",
            "Choose two columns.",
        )
    return ColumnPositions(text_at, id_at)


def unique_columns(columns: Sequence[str]) -> list[str]:
    """Names that differ: an empty one becomes column_3, a repeated one name_2.

    >>> unique_columns(["id", "", "note", "note"])
    ['id', 'column_2', 'note', 'note_2']
    """
    taken = set(columns)
    fixed: list[str] = []
    for number, column in enumerate(columns, 1):
        base = column if column.strip() else f"column_{number}"
        unique, again = base, 1
        while unique in fixed or (unique != column and unique in taken):
            again += 1
            unique = f"{base}_{again}"
        fixed.append(unique)
    return fixed


def _folded(column: str) -> str:
    return re.sub(r"[\s_\-.]+", "", column).casefold()


def _where(columns: Sequence[str], fits: Callable[[str], object]) -> list[int]:
    return [position for position, column in enumerate(columns) if fits(column)]


def _asked(name: str, columns: Sequence[str], asked: str, option: str) -> int:
    found = _where(columns, lambda column: column == asked)
    found = found or _where(columns, lambda column: _folded(column) == _folded(asked))
    if len(found) > 1:
        raise UnreadableUpload(
            name, f"it has {len(found)} columns named {asked!r}", "Give them different names."
        )
    if not found:
        advice = f"Choose one of them with {option}."
        raise UnreadableUpload(
            name, f"it has no column {asked!r}; its columns are {_listed(columns)}", advice
        )
    return found[0]


def _usual_text(name: str, columns: Sequence[str]) -> int:
    found = _where(columns, lambda column: _TEXT_NAME.fullmatch(_folded(column)))
    found = found or _where(columns, lambda column: _TEXT_COMPOUND.fullmatch(_folded(column)))
    if len(found) > 1:
        both = _listed([columns[position] for position in found])
        raise UnreadableUpload(
            name, f"{both} could each be the text", "Say which with --text COLUMN."
        )
    if not found:
        there = (
            f"none of its columns has a usual name for a text; its columns are {_listed(columns)}"
        )
        raise UnreadableUpload(name, there, "Say which column holds the text with --text COLUMN.")
    return found[0]


def _usual_id(columns: Sequence[str], text: int) -> int | None:
    """`id` itself, else the first that is named like an id of a row, else none: then rows are
    counted.
    """
    found = _where(columns, lambda column: _folded(column) == "id")
    found = found or _where(columns, lambda column: _ID_COMPOUND.fullmatch(_folded(column)))
    return next((position for position in found if position != text), None)


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column[:60]) for column in columns[:_MOST_SHOWN])
    more = len(columns) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
