"""Files of an export, opened by other programs: the values are those that were written."""

import csv
import json
import sys
from datetime import datetime

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from openpyxl.utils.escape import unescape

from tasks.formats import excel_file
from tasks.formats.cell_values import CUT_MARK, MAX_CELL_UNITS
from tasks.formats.excel_file import ExcelNotInstalled, TooManyColumns, excel_writer
from tasks.formats.output_format import LABELS, TIME
from tasks.formats.writers import WRITERS
from tests.support.office import CSV_IN_UTF8, convert

# Commas, double quotes, UTF-8, from line 1; also fields in quotes are what they look like.
AS_RECOGNISED = "CSV:44,34,76,1"
# Texts that programs like to take for something else.
TEXTS = [
    "fine",
    "=1+1",
    '=HYPERLINK("http://a.example","b")',
    "+49 30 1234",
    "-5",
    "@SUM(A1)",
    "007",
    "1.5e3",
    "2026-01-02",
    "TRUE",
    "http://a.example",
    'a "quoted", word',
    "two\nlines",
    "na\u00efve \u2014 \U0001f600 \u0434\u0430",
    "<r>not markup</r>",
    "_x0041_",
    " spaces around ",
    "#N/A",
    "'quoted",
]
ROWS = len(TEXTS)
TABLE = pa.table(
    {
        "id": [f"r{number}" for number in range(ROWS)],
        "comment": TEXTS,
        "=column": pa.array([None, *["x"] * (ROWS - 1)]),
        "mood_score": pa.array([-0.25, None, *[0.9182] * (ROWS - 2)]),
        "needs_review": pa.array([True, None, *[False] * (ROWS - 2)]),
        "topics": pa.array([["price", "staff"], None, [], *[["price"]] * (ROWS - 3)], LABELS),
        "scored_at": pa.array([datetime(2026, 1, 2, 3, 4, 5)] * ROWS, TIME),  # noqa: DTZ001 — in UTC
        "row": pa.array(range(1, ROWS + 1), pa.int64()),
    }
)


def written(folder, format_, table=TABLE):
    file = folder / f"labels.{format_}"
    with WRITERS[format_](file, table.schema) as write:
        for first in range(0, len(table), 5):
            write(table.slice(first, 5))
    return file


def cells(table=TABLE):
    """Return the rows as a spreadsheet shows them, the header first."""

    def cell(value):
        return "|".join(value) if isinstance(value, list) else value

    rows = (map(cell, row.values()) for row in table.to_pylist())
    return [tuple(table.column_names), *map(tuple, rows)]


def opened(sheet):
    """Return the rows of a sheet; openpyxl leaves the escape of `_x0041_` to its caller."""
    rows = sheet.iter_rows(values_only=True)
    return [
        tuple(unescape(value) if isinstance(value, str) else value for value in row) for row in rows
    ]


def neutralised(text):
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def test_openpyxl_reads_the_values_of_a_workbook_and_no_formula(tmp_path):
    sheet = openpyxl.load_workbook(written(tmp_path, "xlsx"))["labels"]
    assert opened(sheet) == cells()
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {*"snbd"}
    assert not any(cell.hyperlink for row in sheet.iter_rows() for cell in row)


def test_libreoffice_reads_the_values_of_a_workbook_and_of_csv(tmp_path):
    [shown] = convert([written(tmp_path, "xlsx")], CSV_IN_UTF8, tmp_path / "xlsx")
    with shown.open(encoding="utf-8", newline="") as file:
        rows = [*csv.reader(file)]
    assert [row[1] for row in rows[1:]] == TEXTS
    assert rows[0] == TABLE.column_names
    assert rows[1][3:] == ["-0.25", "TRUE", "price|staff", "2026-01-02 03:04:05", "1"]
    assert rows[2][3:6] == ["", "", ""]

    [opened] = convert([written(tmp_path, "csv")], "xlsx", tmp_path / "csv", AS_RECOGNISED)
    sheet = openpyxl.load_workbook(opened).active
    columns = list(zip(*sheet.iter_rows(values_only=True), strict=True))
    assert columns[2][0] == "'=column"
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {*"snbd"}
    recognised = {"007": 7, "1.5e3": 1500, "2026-01-02": datetime(2026, 1, 2), "TRUE": True}  # noqa: DTZ001 — as in Excel
    for cell, text in zip(columns[1][1:], TEXTS, strict=True):
        assert cell in (neutralised(text), recognised.get(text))
    assert columns[3][1:4] == (-0.25, None, 0.9182)
    assert columns[5][1] == "price|staff"


def test_csv_begins_with_the_mark_and_neutralises_texts_only(tmp_path):
    data = written(tmp_path, "csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = [*csv.reader(data.decode("utf-8-sig").splitlines(keepends=True))]
    assert rows[0] == [neutralised(name) for name in TABLE.column_names]
    assert [row[1] for row in rows[1:]] == [neutralised(text) for text in TEXTS]
    assert rows[1][3:] == ["-0.25", "true", "price|staff", "2026-01-02 03:04:05", "1"]


def test_json_lines_have_lists_and_numbers(tmp_path):
    lines = written(tmp_path, "jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["comment"] for line in lines] == TEXTS
    assert json.loads(lines[0])["topics"] == ["price", "staff"]
    assert json.loads(lines[0])["scored_at"] == "2026-01-02T03:04:05Z"
    assert json.loads(lines[1])["mood_score"] is None


def test_pandas_reads_parquet_and_writes_excel_and_csv_from_it(tmp_path):
    frame = pd.read_parquet(written(tmp_path, "parquet"))
    assert frame["comment"].tolist() == TEXTS
    assert frame["topics"][0].tolist() == ["price", "staff"]
    frame.to_csv(tmp_path / "again.csv", index=False)
    frame.to_excel(tmp_path / "again.xlsx", index=False, engine="openpyxl")
    assert pd.read_csv(tmp_path / "again.csv")["mood_score"][0] == -0.25


def test_duckdb_reads_every_format_that_it_knows(tmp_path):
    for format_, read in (("csv", "read_csv"), ("jsonl", "read_json"), ("parquet", "read_parquet")):
        query = f"SELECT count(*), min(mood_score) FROM {read}('{written(tmp_path, format_)}')"  # noqa: S608 — a path of this test
        assert duckdb.sql(query).fetchall() == [(ROWS, -0.25)]


@pytest.mark.parametrize("format_", WRITERS)
def test_the_same_rows_give_the_same_bytes(tmp_path, format_):
    first = written(tmp_path, format_).read_bytes()
    assert written(tmp_path, format_).read_bytes() == first


def test_long_texts_and_characters_without_a_place_in_xml_can_be_opened(tmp_path):
    table = pa.table({"text": ["x" * 40_000, "a\x00b\x0bc\uffffd\r\ne"]})
    sheet = openpyxl.load_workbook(written(tmp_path, "xlsx", table)).active
    long, odd = sheet["A2"].value, sheet["A3"].value
    assert len(long) == MAX_CELL_UNITS
    assert long.endswith(CUT_MARK)
    assert odd == "a\ufffdb\ufffdc\ufffdd\ne"


def test_more_rows_than_a_sheet_holds_continue_on_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(excel_file, "MAX_ROWS", 8)
    book = openpyxl.load_workbook(written(tmp_path, "xlsx"))
    assert book.sheetnames == ["labels", "labels 2", "labels 3"]
    rows = [row for sheet in book for row in opened(sheet)[1:]]
    assert rows == cells()[1:]
    assert all(sheet["B1"].value == "comment" for sheet in book)


def test_more_columns_than_a_sheet_has_are_refused(tmp_path):
    schema = pa.schema([(f"c{number}", pa.string()) for number in range(16_385)])
    with pytest.raises(TooManyColumns, match=r"\.parquet"), excel_writer(tmp_path / "x", schema):
        pass


def test_without_the_extra_the_error_names_the_install_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ExcelNotInstalled, match=r"pip install 'chorus\[excel\]'"):
        written(tmp_path, "xlsx")
