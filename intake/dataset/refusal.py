"""The refusal of an upload of which too many rows would be lost, before it counts as stored. Pure.

Rows are lost quietly where a file was damaged before it came: a spreadsheet rounds long ids, so
that thousands of rows share one; a wrong column is taken for the id or the text.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from intake.dataset.row_tally import RowTally
from intake.errors import UnreadableUpload
from intake.readers.block import RejectReason

_MAX_SHARE = 100  # more than one row of so many with a repeated or rounded id is too many
# In a file of a few rows, one repeated id is more than 1 %. It is a slip that the person sees in
# the result, where the row is listed; three are a pattern.
_FEW_REPEATED = 2
# So many rejected rows, if they are most of those read so far, refuse the upload before its end: a
# few megabytes of short rows hold millions of rejects, each written with its reason.
_CLEAR_LOSS = 20_000
_MAX_CHARS = 60  # of an example
_MAX_COLUMNS = 12  # that are listed


@dataclass(frozen=True)
class AcceptedLosses:
    """The losses that the caller accepts.

    `blank_texts`: rows without a text do not count as lost, because the upload has several text
    columns, and each row needs a text in one of them only.
    """

    repeated_ids: bool = False
    most_rows: bool = False
    blank_texts: bool = False


def check_losses(
    name: str,
    tally: RowTally,
    accepted: AcceptedLosses,
    id_column: str | None,
    other_columns: Iterable[str],
    *,
    complete: bool = True,
) -> None:
    """Raise UnreadableUpload if too many rows of the upload `name` would be lost.

    `complete`: all of its rows were read. Before that only a loss that is clear is refused.
    """
    if not complete and not _is_clear(tally):
        return
    rows_read = f"its {tally.rows:,} rows" if complete else f"its first {tally.rows:,} rows"
    if not accepted.repeated_ids:
        _check_ids(name, tally, rows_read, id_column, list(other_columns))
    expected = {RejectReason.DUPLICATE_ID} if accepted.repeated_ids else set()
    expected |= {RejectReason.NO_TEXT} if accepted.blank_texts else set()
    lost = sum(rows for reason, rows in tally.reasons.items() if reason not in expected)
    if lost * 2 > tally.rows and not accepted.most_rows:
        examples = "; ".join(example.describe() for example in tally.reject_examples())
        raise UnreadableUpload(
            name,
            f"{lost:,} of {rows_read} would be rejected: {examples}",
            "Correct the file or the options by which it is read, or use --force to label the "
            "other rows.",
        )


def _is_clear(tally: RowTally) -> bool:
    rejected = tally.reasons.total()
    return rejected > _CLEAR_LOSS and rejected * 2 > tally.rows


def _check_ids(
    name: str, tally: RowTally, rows_read: str, id_column: str | None, other_columns: list[str]
) -> None:
    problems = []
    if tally.rounded * _MAX_SHARE > tally.rows:
        examples = ", ".join(map(_shorten, tally.rounded_examples))
        problems.append(
            f"{tally.rounded:,} of {rows_read} have an id in column {id_column!r} that "
            f"a spreadsheet rounded ({examples}), so that digits of it are lost"
        )
    if tally.repeated * _MAX_SHARE > tally.rows and tally.repeated > _FEW_REPEATED:
        examples = ", ".join(
            f"{_shorten(id_)} {rows + 1:,} times" for id_, rows in tally.repeated_examples.items()
        )
        problems.append(
            f"{tally.repeated:,} of {rows_read} have an id in column {id_column!r} "
            f"that a row before them has ({examples}), and would be rejected"
        )
    if problems:
        listed = ", ".join(repr(_shorten(column)) for column in other_columns[:_MAX_COLUMNS])
        columns = f" (its other columns: {listed})" if listed else ""
        raise UnreadableUpload(
            name,
            "; ".join(problems),
            "Export it again with the ids as text, or use one of these: --no-id takes the numbers "
            f"of the rows as ids; --id COLUMN takes another column{columns}; --allow-duplicates "
            "takes the ids as they are, and rejects rows with a repeated one.",
        )


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}…"
