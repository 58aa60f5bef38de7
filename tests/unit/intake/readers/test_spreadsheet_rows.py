"""A table of any strings that openpyxl writes is read back equal."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake.detect.source import UploadFile
from intake.readers.columns import ColumnRequest
from intake.readers.spreadsheet_rows import read_spreadsheet
from tests.support.workbooks import workbook

MANY_FILES = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
# XML has no other control characters, and turns a carriage return into a line feed. In .xlsx,
# _x0041_ stands for a character; a text that begins with = is a formula for openpyxl.
CELL = st.none() | st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff_")
    | st.sampled_from("\n\t <&>\"'"),
    max_size=12,
).filter(lambda text: text[:1] != "=" and not re.fullmatch(r"#[A-Z/0!?]+", text))


@MANY_FILES
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_strings_of_any_workbook_come_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, str | None]]
) -> None:
    file = tmp_path_factory.mktemp("sheet") / "in.xlsx"
    file.write_bytes(workbook(Data=[("comment", "note"), *rows]))
    read = {}
    with read_spreadsheet(
        UploadFile(file.name, file), "xlsx", file, None, ColumnRequest(("comment",))
    ) as opened:
        for block in opened.blocks:
            notes = [dict(pairs).get("note") for pairs in block.extra.to_pylist()]
            read |= dict(
                zip(
                    block.row_numbers.tolist(),
                    zip(block.texts.to_pylist(), notes, strict=True),
                    strict=True,
                )
            )
    assert read == {
        number: cells
        for number, row in enumerate(rows, 2)
        if any(cells := tuple(cell if cell and cell.strip() else None for cell in row))
    }
