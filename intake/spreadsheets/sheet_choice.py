"""The choice of the sheet that is read."""

from collections.abc import Sequence
from dataclasses import dataclass

from intake.errors import UnreadableUpload
from intake.spreadsheets.workbook import Sheet, Workbook
from storage.name_list import list_names

_MAX_NAME_CHARS = 60


@dataclass(frozen=True)
class SheetChoice:
    """The sheet to read. `notices`: for people, where the workbook has others."""

    sheet: str
    notices: tuple[str, ...] = ()


def choose_sheet(name: str, workbook: Workbook, requested: str | None) -> SheetChoice:
    """Return the sheet of the upload `name` that is read.

    That is the requested one, by its name or its number among the visible sheets; else the only
    visible sheet with rows. Hidden sheets are read on request only. Raises UnreadableUpload, which
    lists the sheets.
    """
    sheets = workbook.sheets()
    visible = [sheet.name for sheet in sheets if not sheet.hidden]
    hidden = [sheet.name for sheet in sheets if sheet.hidden]
    if requested is not None:
        return SheetChoice(_requested_sheet(name, sheets, visible, requested))
    not_read = f"; hidden sheets are not read: {list_names(_quoted(hidden))}" if hidden else ""
    if len(visible) == 1:
        notices = (f"sheet {visible[0]!r} is read{not_read}",) if hidden else ()
        return SheetChoice(visible[0], notices)
    rows = {sheet: sum(1 for _ in workbook.open_sheet(sheet).rows()) for sheet in visible}
    with_rows = [sheet for sheet in visible if rows[sheet] > 1]
    if len(with_rows) == 1:
        notice = f"sheet {with_rows[0]!r} is read, the only one with rows{not_read}"
        return SheetChoice(with_rows[0], (notice,))
    if with_rows:
        counts = [
            f"{name} ({rows[sheet]:,} rows)"
            for sheet, name in zip(with_rows, _quoted(with_rows), strict=True)
        ]
        problem = f"{len(with_rows)} of its sheets have rows: {list_names(counts)}{not_read}"
        raise UnreadableUpload(name, problem, "Say which with --sheet NAME.")
    raise UnreadableUpload(
        name,
        f"none of its visible sheets has rows below a header{not_read}",
        "Name a hidden one with --sheet NAME." if hidden else "Check the export that made it.",
    )


def _requested_sheet(
    name: str, sheets: Sequence[Sheet], visible: Sequence[str], requested: str
) -> str:
    names = [sheet.name for sheet in sheets]
    if requested in names:
        return requested
    alike = [sheet for sheet in names if sheet.casefold() == requested.strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    if requested.isdecimal() and 1 <= int(requested) <= len(visible):
        return visible[int(requested) - 1]
    missing = repr(requested[:_MAX_NAME_CHARS])
    raise UnreadableUpload(
        name,
        f"it has no sheet {missing}; its sheets are {list_names(_quoted(names), missing)}",
        "Name one of them with --sheet, or give its number.",
    )


def _quoted(names: Sequence[str]) -> list[str]:
    return [repr(name[:_MAX_NAME_CHARS]) for name in names]
