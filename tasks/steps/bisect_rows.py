"""Bisection: find the rows that make a model fail, by halving ranges of rows.

Pure, but for its callbacks.
"""

from collections.abc import Callable


class ModelAtFault(Exception):
    """A failure that is not caused by a few rows; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def max_bad_rows(rows: int) -> int:
    """Return how many of so many rows may fail before the model is at fault.

    It is a quarter of them, and all of up to 8 rows.
    """
    return max(8, rows // 4)


def bisect_bad_rows(
    rows: int,
    try_rows: Callable[[int, int], str | None],
    try_harmless_text: Callable[[], str | None],
    max_bad: int,
) -> dict[int, str]:
    """Return the rows of 0 to `rows` - 1 that fail by themselves, each with its reason.

    `try_rows(first, end)` returns None if the rows from `first` to before `end` pass together, else
    the reason. `try_harmless_text` does so for a text that passes unless the model is broken.
    `max_bad`: how many rows may fail. A row that fails only together with others is not returned.

        rows 0 … 7, row 5 fails:
        0-7 fails, 0-3 passes, 4-7 fails, 4-5 fails, 4 passes, 5 fails, 6-7 passes; again: 5 fails

    A returned row is not labelled, so it has to fail twice, and the harmless text has to pass
    before and after: a machine may be out of memory for a moment. With k bad rows of n that is at
    most 1 + k (1 + 2 ceil(log2 n)) calls of `try_rows`. Raises ModelAtFault.
    """
    bad: dict[int, str] = {}
    ranges = [(0, rows)] if rows else []
    while ranges:
        first, end = ranges.pop()
        reason = try_rows(first, end)
        if reason is None:
            continue
        if (first, end) == (0, rows):
            _require_pass(try_harmless_text)
        if end - first == 1:
            bad[first] = reason
            if len(bad) > max_bad:
                raise ModelAtFault(
                    f"{len(bad)} of the first {end} rows fail by themselves, for example row "
                    f"{first}: {reason}"
                )
        else:
            middle = (first + end) // 2
            ranges += [(middle, end), (first, middle)]
    if bad:
        bad = {row: again for row in bad if (again := try_rows(row, row + 1)) is not None}
        _require_pass(try_harmless_text)
    return bad


def _require_pass(try_harmless_text: Callable[[], str | None]) -> None:
    """Raise ModelAtFault unless the harmless text passes."""
    reason = try_harmless_text()
    if reason is not None:
        raise ModelAtFault(f"a harmless text fails as well: {reason}")
