"""Bisection: find the rows that make a model fail by halving ranges. Pure, but for its callbacks."""

from collections.abc import Callable


class ModelAtFault(Exception):
    """A failure that is not caused by a few rows; `reason` says how."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def max_bad_rows(rows: int) -> int:
    """Return how many of so many rows may fail before the model is at fault.

    It is a quarter, and of a few rows all.
    """
    return max(8, rows // 4)


def bisect_bad_rows(
    rows: int, works: Callable[[int, int], str | None], control: Callable[[], str | None], most: int
) -> dict[int, str]:
    """Return the rows of 0 to `rows` - 1 that fail by themselves, each with its reason.

    `works(first, end)` returns None if the rows from `first` to before `end` pass together, or why
    not; `control` the same for a harmless text, which passes unless the model itself is broken. A
    row that fails only together with others passes by itself, and is not returned.

        rows 0 … 7, row 5 fails:
        0-7 no, 0-3 yes, 4-7 no, 4-5 no, 4 yes, 5 no, 6-7 yes, and once more: 5 no

    A returned row is lost for good, so it has to fail twice, and the control has to pass before and
    after: a machine may be out of memory for a moment. With k bad rows of n that is at most 1 + k
    (1 + 2 ceil(log2 n)) calls and two controls. Raises ModelAtFault.
    """
    bad: dict[int, str] = {}
    ranges = [(0, rows)] if rows else []
    while ranges:
        first, end = ranges.pop()
        reason = works(first, end)
        if reason is None:
            continue
        if (first, end) == (0, rows):
            _require_pass(control)
        if end - first == 1:
            bad[first] = reason
            if len(bad) > most:
                raise ModelAtFault(
                    f"{len(bad)} of the first {end} rows fail by themselves, row {first} so: "
                    f"{reason}"
                )
        else:
            middle = (first + end) // 2
            ranges += [(middle, end), (first, middle)]
    if bad:
        bad = {row: again for row in bad if (again := works(row, row + 1)) is not None}
        _require_pass(control)
    return bad


def _require_pass(control: Callable[[], str | None]) -> None:
    """Raise ModelAtFault unless the control passes."""
    reason = control()
    if reason is not None:
        raise ModelAtFault(f"a harmless text fails as well: {reason}")
