"""The check of a workbook before it is opened: whether its sheets fit into memory."""

from collections.abc import Callable
from pathlib import Path

from intake.archives.zip_parts import unpack_parts
from intake.detect.intake_limits import IntakeLimits, LimitExceeded
from intake.spreadsheets.part_scan import PartScan

# Measured with calamine: of a cell with a short text or a number, and of a blank one between them.
_CELL_BYTES, _BLANK_BYTES = 90, 32
_MB = 10**6


def check_workbook(
    name: str, format_: str, file: Path, limits: IntakeLimits, on_read: Callable[[], None]
) -> tuple[str, ...]:
    """Return notices about what of a workbook cannot be read; `format_` is xlsx, ods or xls.

    `on_read` is called now and then while the workbook is unpacked. Raises LimitExceeded for one
    that is too large, UnreadableUpload for a damaged one.
    """
    if format_ == "xls":  # not packed: it needs no more memory than a few times its size
        return ()
    formulas, lost_marks = 0, False
    for part, blocks in unpack_parts(name, file, limits):
        scan = PartScan()
        for block in blocks:
            on_read()
            if part.lower().endswith(".xml"):
                scan.feed(block)
                _check_memory(name, scan, limits)
        scan.feed(b"<")
        formulas += scan.formulas_without_result
        lost_marks = lost_marks or scan.has_lost_marks
    notices = []
    if formulas:
        notices.append(
            f"{formulas:,} formulas have no result in the file and count as blank: open it in a "
            "spreadsheet program and save it, to have them calculated"
        )
    if lost_marks:
        notices.append("tabs inside its cells are left out")
    return tuple(notices)


def _check_memory(name: str, scan: PartScan, limits: IntakeLimits) -> None:
    needed = scan.cells * _CELL_BYTES
    if needed > limits.memory:
        seen = f"a sheet has {scan.cells:,} cells or more, which need {needed // _MB:,} MB"
        raise LimitExceeded(name, limits, "memory", seen)
    needed = max(scan.rows * scan.columns - scan.cells, 0) * _BLANK_BYTES
    if needed > limits.memory:
        seen = (
            f"the cells of a sheet lie in {scan.rows:,} rows and {scan.columns:,} columns, and the "
            f"blank ones between them need {needed // _MB:,} MB"
        )
        raise LimitExceeded(name, limits, "memory", seen)
