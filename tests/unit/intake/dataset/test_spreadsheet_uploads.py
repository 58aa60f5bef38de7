"""Uploads of spreadsheets: which sheet and which rows of it become feedback, and how they look."""

import json
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from intake.dataset.refusal import AcceptedLosses
from intake.errors import UnreadableUpload
from intake.readers.columns import ColumnRequest
from storage.errors import BadRequest
from tests.support.intake_files import stored_rejects, stored_rows, upload
from tests.support.workbooks import (
    BLANK_ODS_ROWS,
    ods_cell,
    ods_row,
    raw_ods,
    raw_xlsx,
    workbook,
)

TABLE = [["id", "comment"], [7, "Great app"], [8, "Too slow"]]


def read(folder: Path, data: bytes, name: str = "in.xlsx", **options: object) -> dict[str, str]:
    """Upload a table of one row below its header, and return the row by column."""
    dataset = upload(folder, data, name, **options)
    (row,) = stored_rows(folder, dataset)
    return {"id": row["id"], "text": row["text"], **dict(row["extra"])}  # type: ignore[arg-type,dict-item]


def test_the_number_of_a_row_is_the_one_beside_it_in_the_sheet(tmp_path: Path) -> None:
    rows = [[], ["comment", "n"], ["Great app", 1.5], [], [None, 2], ["Too slow", None]]
    dataset = upload(tmp_path, workbook(Data=rows), "in.xlsx")
    assert [(row["row"], row["id"], row["text"]) for row in stored_rows(tmp_path, dataset)] == [
        (3, "3", "Great app"),
        (6, "6", "Too slow"),
    ]
    (reject,) = stored_rejects(tmp_path, dataset)
    assert reject[:4] == (5, None, "no text", "there is no text")
    assert json.loads(str(reject[4])) == {"comment": None, "n": "2"}
    assert dataset.source.format == "xlsx"


def test_titles_above_the_header_are_not_read_and_a_notice_says_so(tmp_path: Path) -> None:
    notices: list[str] = []
    data = workbook(Data=[["Survey results 2026"], [], *TABLE])
    dataset = upload(tmp_path, data, "in.xlsx", notify=notices.append)
    assert [row["id"] for row in stored_rows(tmp_path, dataset)] == ["7", "8"]
    assert notices == [
        "in.xlsx: its columns are named in row 3 ('id', 'comment'); the rows above are not read"
    ]


def test_a_blank_column_is_left_out_and_one_with_values_gets_a_name(tmp_path: Path) -> None:
    rows = [["id", None, "comment", None, " "], [7, None, "Great app", None, "x"]]
    assert read(tmp_path, workbook(Data=rows)) == {
        "id": "7",
        "text": "Great app",
        "column_3": "x",
    }


def test_values_are_read_as_the_sheet_shows_them(tmp_path: Path) -> None:
    values = {
        "whole": (12.0, "12"),
        "sum": (0.1 + 0.2, "0.3"),
        "small": (1e-7, "1E-07"),
        "long": (123456789012345, "123456789012345"),
        "rounded": (570306133677760513, "5.703061336777605E+17"),
        "date": (date(2026, 1, 2), "2026-01-02"),
        "date and time": (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),  # noqa: DTZ001 - a sheet has no zones
        "time": (time(3, 4, 5), "03:04:05"),
        "duration": (timedelta(hours=30, minutes=1), "30:01:00"),
        "yes": (True, "TRUE"),
        "zeros": ("007", "007"),
        "lines": ("one\ntwo", "one\ntwo"),
        "spaces": ("  x ", "  x "),
    }
    data = workbook(
        Data=[
            ["id", "text", *values],
            ["1", "Great app", *(value for value, _ in values.values())],
        ]
    )
    expected = {name: text for name, (_, text) in values.items()}
    assert read(tmp_path, data) == {"id": "1", "text": "Great app", **expected}


def test_parts_that_only_a_program_writes_are_read_as_they_look(tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
        '<c r="C1" t="inlineStr"><is><t>inline</t></is></c><c r="D1" t="inlineStr"><is><t>formula'
        '</t></is></c><c r="E1" t="inlineStr"><is><t>error</t></is></c></row>'
        '<row r="3"><c r="A3"><v>7</v></c><c r="B3" t="s"><v>2</v></c>'
        '<c r="C3" t="inlineStr"><is><t>a &amp; b</t></is></c>'
        '<c r="D3" t="str"><f>A3&amp;"x"</f><v>7x</v></c><c r="E3" t="e"><v>#REF!</v></c></row>'
    )
    strings = (
        '<si><t>id</t></si><si><t>text</t></si><si><r><t xml:space="preserve">Very </t></r>'
        '<r><rPr><b/></rPr><t>bold</t></r><rPh sb="0" eb="1"><t>reading</t></rPh></si>'
    )
    assert read(tmp_path, raw_xlsx(rows, strings)) == {
        "id": "7",
        "text": "Very bold",
        "inline": "a & b",
        "formula": "7x",
    }


def test_an_opendocument_sheet_is_read_as_it_looks(tmp_path: Path) -> None:
    names = ("id", "text", "share", "price", "yes", "day", "hours", "error", "lines")
    rows = (
        ods_row(*map(ods_cell, names))
        + ods_row(
            ods_cell("7", "float", value="7"),
            ods_cell("Great <text:span>app</text:span>"),
            ods_cell("12.3 %", "percentage", value="0.123"),
            ods_cell("12,50 EUR", "currency", value="12.5"),
            ods_cell("WAHR", "boolean", boolean_value="true"),
            ods_cell("2.1.26", "date", date_value="2026-01-02T03:04:05"),
            ods_cell("30:00:05", "time", time_value="PT30H00M05S"),
            ods_cell("#N/A"),
            ods_cell("one</text:p><text:p>two"),
        )
        + BLANK_ODS_ROWS
    )
    assert read(tmp_path, raw_ods(rows), "in.ods") == {
        "id": "7",
        "text": "Great app",
        "share": "0.123",
        "price": "12.5",
        "yes": "TRUE",
        "day": "2026-01-02T03:04:05",
        "hours": "30:00:05",
        "lines": "one\ntwo",
    }


@pytest.mark.parametrize(
    ("sheets", "hidden", "notice"),
    [
        ({"Data": TABLE}, [], []),
        (
            {"Notes": [["made by hand"]], "Empty": [], "Data": TABLE},
            [],
            ["in.xlsx: sheet 'Data' is read, the only one with rows"],
        ),
        (
            {"Old": TABLE, "Data": TABLE},
            ["Old"],
            ["in.xlsx: sheet 'Data' is read; hidden sheets are not read: 'Old'"],
        ),
    ],
)
def test_the_only_sheet_with_rows_is_read(
    tmp_path: Path,
    sheets: dict[str, list[list[object]]],
    hidden: list[str],
    notice: list[str],
) -> None:
    notices: list[str] = []
    dataset = upload(tmp_path, workbook(hidden, **sheets), "in.xlsx", notify=notices.append)
    assert dataset.rows_in == 2
    assert notices == notice


@pytest.mark.parametrize("sheet", ["May", "may", " MAY", "2"])
def test_a_sheet_is_named_or_numbered(tmp_path: Path, sheet: str) -> None:
    data = workbook(["Old"], Old=TABLE, April=TABLE, May=[["id", "comment"], [9, "Fine"]])
    assert read(tmp_path, data, sheet=sheet) == {"id": "9", "text": "Fine"}


def test_a_hidden_sheet_is_read_on_request(tmp_path: Path) -> None:
    data = workbook(["Old"], Old=[["id", "comment"], [9, "Fine"]], Data=TABLE)
    assert read(tmp_path, data, sheet="Old") == {"id": "9", "text": "Fine"}


@pytest.mark.parametrize(
    ("sheets", "options", "message"),
    [
        (
            {"April": TABLE, "May": TABLE[:2]},
            {},
            r"2 of its sheets have rows: 'April' \(3 rows\), 'May' \(2 rows\)\. .*--sheet",
        ),
        (
            {"April": TABLE},
            {"sheet": "May"},
            "no sheet 'May'; its sheets are 'April'",
        ),
        ({"April": TABLE}, {"sheet": "2"}, "no sheet '2'"),
        ({"April": []}, {}, "blank"),
        ({"April": [], "May": []}, {}, "none of its visible sheets has rows"),
        ({"April": [["id", "colour"], [1, "red"]]}, {}, "'id', 'colour'"),
        ({"April": [["id", "comment"]]}, {}, "no rows"),
        ({"April": TABLE}, {"format": "csv"}, "it is an Excel workbook, not csv"),
        (
            {"April": [["Comments", "2026"], ["id", "comment", "n"], [1, "Fine", 2]]},
            {},
            r"named in row 1 \('Comments', '2026'\) or in row 2 \('id', 'comment', 'n'\).*--text",
        ),
    ],
)
def test_a_workbook_whose_table_is_not_clear_is_refused(
    tmp_path: Path,
    sheets: dict[str, list[list[object]]],
    options: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(UnreadableUpload, match=message):
        upload(tmp_path, workbook(**sheets), "in.xlsx", **options)


def test_blank_rows_below_the_header_are_counted(tmp_path: Path) -> None:
    data = workbook(Data=[["comment"], [], ["Great app"], [" "], [], ["Too slow"]])
    assert upload(tmp_path, data, "in.xlsx").blank_rows == 3


def test_formulas_that_were_never_calculated_are_noticed(tmp_path: Path) -> None:
    notices: list[str] = []
    data = workbook(Data=[["comment", "n"], ["Great app", "=1+1"], ["Too slow", "=2+2"]])
    upload(tmp_path, data, "in.xlsx", notify=notices.append)
    assert "2 formulas have no result in the file and count as blank" in notices[0]


def test_tabs_in_cells_of_an_opendocument_sheet_are_noticed(tmp_path: Path) -> None:
    notices: list[str] = []
    data = raw_ods(ods_row(ods_cell("comment")) + ods_row(ods_cell("Great<text:tab/>app")))
    upload(tmp_path, data, "in.ods", notify=notices.append)
    assert notices == ["in.ods: tabs inside its cells are left out"]


def test_without_the_package_that_reads_them_workbooks_are_refused_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(BadRequest, match=r"python_calamine.*pip install 'chorus\[excel\]'"):
        upload(tmp_path, workbook(Data=TABLE), "in.xlsx")


def test_ids_of_more_digits_than_a_sheet_keeps_are_refused_with_the_ways_out(
    tmp_path: Path,
) -> None:
    ids = [570306133677760513 + 2**10 * number for number in range(5)]
    data = workbook(Data=[["id", "comment"], *([id_, "Great app"] for id_ in ids)])
    with pytest.raises(UnreadableUpload, match=r"rounded \(5\.703061336777605E\+17.*--no-id"):
        upload(tmp_path, data, "in.xlsx", accepted=AcceptedLosses())
    dataset = upload(tmp_path, data, "in.xlsx", columns=ColumnRequest(no_id=True))
    assert [row["id"] for row in stored_rows(tmp_path, dataset)] == ["2", "3", "4", "5", "6"]
    as_text = workbook(Data=[["id", "comment"], *([str(id_), "Great app"] for id_ in ids)])
    dataset = upload(tmp_path, as_text, "in.xlsx")
    assert [row["id"] for row in stored_rows(tmp_path, dataset)] == [str(id_) for id_ in ids]
