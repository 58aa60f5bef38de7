"""Uploads of spreadsheets become the dataset that the same table as CSV becomes."""

import io
from pathlib import Path

import openpyxl

from tests.support.intake_files import stored_rows, upload


def workbook(**sheets: list[list[object]]) -> bytes:
    """Return an .xlsx with these sheets, as openpyxl writes it."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def test_a_workbook_becomes_feedback_with_the_numbers_of_its_rows(tmp_path: Path) -> None:
    data = workbook(Data=[["id", "comment", "n"], [7, "Great app", 1.5], [], [8, "Too slow", None]])
    dataset = upload(tmp_path, data, "in.xlsx")
    rows = stored_rows(tmp_path, dataset)
    assert [(row["row"], row["id"], row["text"], row["extra"]) for row in rows] == [
        (2, "7", "Great app", [("n", "1.5")]),
        (4, "8", "Too slow", []),
    ]
    assert dataset.source.format == "xlsx"
