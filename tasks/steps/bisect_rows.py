"""Which rows make a model fail? What fails is halved until single rows are left. Pure, but for what
it asks.
"""

from collections.abc import Callable


class ModelAtFault(Exception):
    """What fails is not a few rows. `reason` says how."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def max_bad_rows(rows: int) -> int:
    """How many rows of so many may fail before the model is to blame: a quarter, and of a few rows
    all.
    """
    return max(8, rows // 4)


def bisect_bad_rows(
    rows: int, works: Callable[[int, int], str | None], control: Callable[[], str | None], most: int
) -> dict[int, str]:
    """The rows of 0, 1, …, `rows` - 1 that fail by themselves, each with its reason. Raises
    NotTheRows.

    `works(first, end)` says whether the rows first, …, end - 1 pass together (None), or why not;
    `control` the same of something harmless, which passes unless the model itself is broken. Every
    row that is not in the answer was in a range that passed; rows that fail in company alone pass
    by themselves, and so are not in it.

        rows 0 … 7, row 5 fails:    0-7 no, 0-3 yes, 4-7 no, 4-5 no, 4 yes, 5 no, 6-7 yes    and once more: 5 no

    A row is lost for good when it is in the answer, so it has to fail twice, and the control to
    pass before and after: a machine that was out of memory for a moment is nobody's fault. With k
    bad rows of n that is at most 1 + k (1 + 2 ceil(log2 n)) questions and two controls.
    """
    bad: dict[int, str] = {}
    asked = [(0, rows)] if rows else []
    while asked:
        first, end = asked.pop()
        reason = works(first, end)
        if reason is None:
            continue
        if (first, end) == (0, rows):
            _require_pass(control)
        if end - first == 1:
            bad[first] = reason
            if len(bad) > most:
                raise ModelAtFault(
                    f"{len(bad)} of the first {end} rows fail by themselves, row {first} so: {reason}"
                )
        else:
            middle = (first + end) // 2
            asked += [(middle, end), (first, middle)]
    if bad:
        bad = {row: again for row in bad if (again := works(row, row + 1)) is not None}
        _require_pass(control)
    return bad


def _require_pass(control: Callable[[], str | None]) -> None:
    reason = control()
    if reason is not None:
        raise ModelAtFault(f"a harmless text fails as well: {reason}")
