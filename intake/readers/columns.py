"""The choice of an upload's text column and id column."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from intake.errors import UnreadableUpload

_TEXT = (
    "texts?|feedbacks?|comments?|reviews?|responses?|answers?|messages?|body|content|verbatims?"
    "|tweets?|remarks?|opinions?"
)
# May stand before or after one of those: customer_feedback, review text, survey response, fullText.
_QUALIFIER = "customer|client|user|guest|survey|open|free|full|raw|original|product|the"
_TEXT_NAME = re.compile(f"(?:{_TEXT})")
_TEXT_COMPOUND = re.compile(f"(?:{_QUALIFIER})*(?:{_TEXT})(?:{_TEXT}|{_QUALIFIER})*")
# Not customer_id or product_id: those repeat from row to row.
_ID_COMPOUND = re.compile(
    "(?:survey|feedback|response|review|ticket|comment|message|answer|tweet|row|record|entry"
    "|submission)*(?:id|uuid|guid|identifier)"
)
_MAX_LISTED = 30


@dataclass(frozen=True)
class ColumnRequest:
    """The columns that the caller asked for.

    None of `texts`, and `id` None: recognised by their usual names. `no_id`: the number of a row is
    its id, whatever columns there are.
    """

    texts: tuple[str, ...] = ()
    id: str | None = None
    no_id: bool = False


@dataclass(frozen=True)
class ColumnPositions:
    """Positions of the chosen columns among the columns of an upload."""

    text: int
    id: int | None


def choose_columns(name: str, columns: Sequence[str], request: ColumnRequest) -> ColumnPositions:
    """Return the positions of the text column and the id column of the upload `name`.

    Case, spaces, underscores and hyphens do not matter. Raises UnreadableUpload, which lists the
    columns.
    """
    text_position = (
        _usual_text(name, columns)
        if not request.texts
        else _requested(name, columns, request.texts[0], "--text")
    )
    id_position = None if request.no_id else _id_position(name, columns, request, text_position)
    if text_position == id_position:
        raise UnreadableUpload(
            name,
            f"column {columns[text_position]!r} is asked for both as text and as id",
            "Choose two columns.",
        )
    return ColumnPositions(text_position, id_position)


def unique_columns(columns: Sequence[str]) -> list[str]:
    """Return names that differ: an empty one becomes column_3, a repeated one name_2.

    >>> unique_columns(["id", "", "note", "note"])
    ['id', 'column_2', 'note', 'note_2']
    """
    original = set(columns)
    renamed: list[str] = []
    for number, column in enumerate(columns, 1):
        base = column if column.strip() else f"column_{number}"
        unique, suffix = base, 1
        while unique in renamed or (unique != column and unique in original):
            suffix += 1
            unique = f"{base}_{suffix}"
        renamed.append(unique)
    return renamed


def _normalize(column: str) -> str:
    return re.sub(r"[\s_\-.]+", "", column).casefold()


def _positions(columns: Sequence[str], matches: Callable[[str], object]) -> list[int]:
    return [position for position, column in enumerate(columns) if matches(column)]


def _requested(name: str, columns: Sequence[str], requested: str, option: str) -> int:
    positions = _positions(columns, lambda column: column == requested)
    positions = positions or _positions(
        columns, lambda column: _normalize(column) == _normalize(requested)
    )
    if len(positions) > 1:
        raise UnreadableUpload(
            name,
            f"it has {len(positions)} columns named {requested!r}",
            "Give them different names.",
        )
    if not positions:
        raise UnreadableUpload(
            name,
            f"it has no column {requested!r}; its columns are {_list_columns(columns)}",
            f"Choose one of them with {option}.",
        )
    return positions[0]


def _id_position(
    name: str, columns: Sequence[str], request: ColumnRequest, text_position: int
) -> int | None:
    if request.id is None:
        return _usual_id(columns, text_position)
    return _requested(name, columns, request.id, "--id")


def _usual_text(name: str, columns: Sequence[str]) -> int:
    positions = _positions(columns, lambda column: _TEXT_NAME.fullmatch(_normalize(column)))
    positions = positions or _positions(
        columns, lambda column: _TEXT_COMPOUND.fullmatch(_normalize(column))
    )
    if len(positions) > 1:
        candidates = _list_columns([columns[position] for position in positions])
        raise UnreadableUpload(
            name, f"{candidates} could each be the text", "Say which with --text COLUMN."
        )
    if not positions:
        raise UnreadableUpload(
            name,
            "none of its columns has a usual name for a text; "
            f"its columns are {_list_columns(columns)}",
            "Say which column holds the text with --text COLUMN.",
        )
    return positions[0]


def _usual_id(columns: Sequence[str], text_position: int) -> int | None:
    """Return the column `id`, else the first one named like the id of a row, else None.

    Where there is none, the number of a row is its id.
    """
    positions = _positions(columns, lambda column: _normalize(column) == "id")
    positions = positions or _positions(
        columns, lambda column: _ID_COMPOUND.fullmatch(_normalize(column))
    )
    return next((position for position in positions if position != text_position), None)


def _list_columns(columns: Sequence[str]) -> str:
    listed = ", ".join(repr(column[:60]) for column in columns[:_MAX_LISTED])
    more = len(columns) - _MAX_LISTED
    return f"{listed} and {more} more" if more > 0 else listed
