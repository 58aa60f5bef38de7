"""Workbooks that LibreOffice wrote are read as it shows them, whatever the format."""

import csv
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest

from tests.support.intake_files import stored_rows, upload
from tests.support.office import CSV_IN_UTF8, FROM_CSV_IN_UTF8, convert

# (value, number format, as shown)
VALUES = {
    "id": (123456789012345, "0", "123456789012345"),
    "comment": ("Größe \U0001f600\n„gut“", "General", "Größe \U0001f600\n„gut“"),
    "whole": (12.0, "General", "12"),
    "part": (0.25, "General", "0.25"),
    "sum": (0.1 + 0.2, "General", "0.3"),
    "day": (date(2026, 1, 2), "yyyy-mm-dd", "2026-01-02"),
    "moment": (datetime(2026, 1, 2, 3, 4, 5), 'yyyy-mm-dd"T"hh:mm:ss', "2026-01-02T03:04:05"),  # noqa: DTZ001 - a sheet has no zones
    "clock": (time(13, 4, 5), "hh:mm:ss", "13:04:05"),
    "duration": (timedelta(hours=30, minutes=5), "[h]:mm:ss", "30:05:00"),
    "zeros": ("007", "@", "007"),
    "formula": ("=1+1", "General", "2"),
    "error": ("=NA()", "General", None),
}
SHOWN = {name: shown for name, (_, _, shown) in VALUES.items() if shown is not None}
CSV = 'id,comment,n\r\n"007","two\r\nlines, ""quoted""",1.5\r\n8,Тест,2\r\n'


def write_workbook(file):
    """Write a title and the table below and right of it; a sheet of one line; a hidden sheet."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Data"
    book.create_sheet("Notes").append(["made by hand"])
    sheet["B3"] = "Survey 2026"
    for column, (name, (value, number_format, _)) in enumerate(VALUES.items(), 2):
        sheet.cell(5, column, name)
        cell = sheet.cell(7, column, value)
        cell.number_format = number_format
    book.create_sheet("Old").append(["id", "comment"])
    book["Old"].append([1, "old"])
    book["Old"].sheet_state = "hidden"
    book.save(file)
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Paths of the files that LibreOffice made, by name."""
    folder = tmp_path_factory.mktemp("office")
    by_openpyxl = write_workbook(folder / "shown.xlsx")
    table = folder / "table.csv"
    table.write_text(CSV, newline="")
    (folder / "calculated").mkdir()
    return {
        **{kind: convert([by_openpyxl], kind, folder)[0] for kind in ("ods", "xls")},
        "xlsx": convert([by_openpyxl], "xlsx", folder / "calculated")[0],
        "of csv": convert([table], "xlsx", folder, FROM_CSV_IN_UTF8)[0],
    }


@pytest.mark.parametrize("kind", ["xlsx", "ods", "xls"])
def test_a_sheet_is_read_as_it_looks_in_every_format(made, tmp_path, kind):
    notices = []
    dataset = upload(tmp_path, made[kind].read_bytes(), f"in.{kind}", notify=notices.append)
    (row,) = stored_rows(tmp_path, dataset)
    read = {"id": row["id"], "comment": row["text"], **dict(row["extra"])}
    assert {name: value for name, value in read.items() if value != SHOWN.get(name)} == {}
    assert (row["row"], len(read)) == (7, len(SHOWN))
    assert "sheet 'Data' is read, the only one with rows; hidden sheets are not" in notices[0]
    assert "row 5" in notices[1]
    assert dataset.source.format == kind


def test_libreoffice_shows_what_is_read(made, tmp_path):
    """The values that the tests here expect are those of LibreOffice, not of the reader alone."""
    folder = tmp_path / "shown"
    (as_csv,) = convert([made["ods"]], CSV_IN_UTF8, folder)
    with as_csv.open(encoding="utf-8", newline="") as file:
        header, row = (record[1:] for record in csv.reader(file) if "id" in record or record[-1])
    shown = dict(zip(header, row, strict=True))
    assert {name: shown[name] for name in SHOWN} == SHOWN


def test_a_csv_that_libreoffice_saved_as_a_workbook_is_read(made, tmp_path):
    dataset = upload(tmp_path, made["of csv"].read_bytes(), "in.xlsx")
    rows = [(row["id"], row["text"], row["extra"]) for row in stored_rows(tmp_path, dataset)]
    assert rows == [("007", 'two\nlines, "quoted"', [("n", "1.5")]), ("8", "Тест", [("n", "2")])]
