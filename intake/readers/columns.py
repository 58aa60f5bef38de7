"""The choice of an upload's text column and id column."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from intake.detect.column_names import ID_NAMES, TEXT_NAMES, is_number_sign, normalize_name
from intake.errors import UnreadableUpload

_MAX_LISTED = 30
_SAMPLE_CHARS = 40
SAMPLE_RECORDS = 50
# Ten letters of Chinese, Japanese, Thai and others, which are written without spaces.
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]{10}")

# The values of some first records, [records][columns]; called only for an error that shows them.
ReadSamples = Callable[[], Sequence[Sequence[str | None]]]


@dataclass(frozen=True)
class ColumnRequest:
    """The columns that the caller asked for.

    None of `texts`, and `id` None: recognised by their usual names. Several texts are joined.
    `no_id`: the number of a row is its id, whatever columns there are.
    """

    texts: tuple[str, ...] = ()
    id: str | None = None
    no_id: bool = False


def requested_names(request: ColumnRequest) -> tuple[str, ...]:
    """Return the names of all columns that the caller asked for."""
    return request.texts if request.id is None else (*request.texts, request.id)


@dataclass(frozen=True)
class ColumnPositions:
    """Positions of the chosen columns among the columns of an upload."""

    texts: tuple[int, ...]
    id: int | None

    def kept(self, columns: int) -> list[int]:
        """Return those of so many columns that are kept beside id and text.

        Among them are the texts that are joined, so that each can be given back.
        """
        used = {self.id, *(self.texts if len(self.texts) == 1 else ())}
        return [position for position in range(columns) if position not in used]


def choose_columns(
    name: str,
    columns: Sequence[str],
    request: ColumnRequest,
    read_samples: ReadSamples = tuple,
) -> ColumnPositions:
    """Return the positions of the text column and the id column of the upload `name`.

    Case, accents, spaces, underscores and hyphens do not matter. Raises UnreadableUpload, which
    lists the columns, each with a value.
    """
    listing = _Listing(name, columns, read_samples)
    texts = [_requested(listing, text, "--text") for text in request.texts]
    if not texts:
        texts = [_usual_text(listing)]
    id_position = None
    if request.id is not None:
        id_position = _requested(listing, request.id, "--id")
    elif not request.no_id:
        id_position = _usual_id(listing, texts)
    for position, text in enumerate(texts):
        if text == id_position or text in texts[:position]:
            twice = "both as text and as id" if text == id_position else "twice as text"
            raise UnreadableUpload(
                name, f"column {columns[text]!r} is asked for {twice}", "Choose two columns."
            )
    return ColumnPositions(tuple(texts), id_position)


def unique_columns(columns: Sequence[str]) -> list[str]:
    """Return names that differ: an empty one becomes column_3, a repeated one name_2.

    >>> unique_columns(["id", "", "note", "note"])
    ['id', 'column_2', 'note', 'note_2']
    """
    original = set(columns)
    renamed: dict[str, None] = {}
    suffixes: dict[str, int] = {}  # the last one of each name, or thousands would be tried again
    for number, column in enumerate(columns, 1):
        base = column if column.strip() else f"column_{number}"
        suffix = suffixes.get(column, 1)
        unique = base if suffix == 1 else f"{base}_{suffix}"
        while unique in renamed or (unique != column and unique in original):
            suffix += 1
            unique = f"{base}_{suffix}"
        if base == column:
            suffixes[column] = suffix
        renamed[unique] = None
    return list(renamed)


@dataclass(frozen=True)
class _Listing:
    """The columns of the upload `name`, and their values where an error shows them."""

    name: str
    columns: Sequence[str]
    read_samples: ReadSamples

    def positions(self, matches: Callable[[str], object]) -> list[int]:
        return [position for position, column in enumerate(self.columns) if matches(column)]

    def describe(self, positions: Sequence[int]) -> str:
        """Return the names of some columns, each with its first value that is not blank."""
        samples = self.read_samples()
        listed = ", ".join(
            repr(self.columns[position][:60]) + _example(_values(samples, position))
            for position in positions[:_MAX_LISTED]
        )
        more = len(positions) - _MAX_LISTED
        return f"{listed} and {more} more" if more > 0 else listed

    def describe_all(self) -> str:
        return self.describe(range(len(self.columns)))

    def prose_columns(self) -> list[str]:
        """Return the columns whose values look like sentences."""
        samples = self.read_samples()
        return [
            column
            for position, column in enumerate(self.columns)
            if _is_prose(_values(samples, position))
        ]


def _values(samples: Sequence[Sequence[str | None]], position: int) -> list[str]:
    """Return the values of a column that are not blank."""
    values = (row[position] if position < len(row) else None for row in samples)
    return [value.strip() for value in values if value and value.strip()]


def _example(values: Sequence[str]) -> str:
    return f" (such as {values[0][:_SAMPLE_CHARS]!r})" if values else ""


def _is_prose(values: Sequence[str]) -> bool:
    """Return True if most values have four words, or ten letters of a script without spaces."""
    prose = [value for value in values if len(value.split()) > 3 or _WITHOUT_SPACES.search(value)]
    return 2 * len(prose) > len(values)


def _requested(listing: _Listing, requested: str, option: str) -> int:
    positions = listing.positions(lambda column: column == requested)
    positions = positions or listing.positions(
        lambda column: normalize_name(column) == normalize_name(requested)
    )
    if len(positions) > 1:
        raise UnreadableUpload(
            listing.name,
            f"it has {len(positions)} columns named {requested!r}",
            "Give them different names.",
        )
    if not positions:
        raise UnreadableUpload(
            listing.name,
            f"it has no column {requested!r}; its columns are {listing.describe_all()}",
            f"Choose one of them with {option}.",
        )
    return positions[0]


def _usual_text(listing: _Listing) -> int:
    positions = _best_named(listing, TEXT_NAMES)
    if len(positions) > 1:
        raise UnreadableUpload(
            listing.name,
            f"{listing.describe(positions)} could each be the text",
            "Say which with --text COLUMN.",
        )
    if not positions:
        prose = listing.prose_columns()
        likely = f"; {prose[0][:60]!r} looks like it" if len(prose) == 1 else ""
        raise UnreadableUpload(
            listing.name,
            "none of its columns has a usual name for a text; "
            f"its columns are {listing.describe_all()}",
            f"Say which column holds the text with --text COLUMN{likely}.",
        )
    return positions[0]


def _usual_id(listing: _Listing, texts: Sequence[int]) -> int | None:
    """Return the column with the best of the usual names for an id, or None if none has one.

    Where there is none, the number of a row is its id.
    """
    positions = [at for at in _best_named(listing, ID_NAMES) if at not in texts]
    positions = positions or listing.positions(is_number_sign)
    if len(positions) > 1:
        raise UnreadableUpload(
            listing.name,
            f"{listing.describe(positions)} could each be the id",
            "Say which with --id COLUMN, or take the numbers of the rows with --no-id.",
        )
    return positions[0] if positions else None


def _best_named(listing: _Listing, kinds: Sequence[re.Pattern[str]]) -> list[int]:
    """Return the positions of the columns that have a name of the best kind that occurs."""
    normalized = [normalize_name(column) for column in listing.columns]
    for kind in kinds:
        positions = [at for at, column in enumerate(normalized) if kind.fullmatch(column)]
        if positions:
            return positions
    return []
