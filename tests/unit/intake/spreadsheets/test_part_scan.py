"""Cells of a sheet are counted in its bytes as they come, however they are cut into blocks."""

from hypothesis import given
from hypothesis import strategies as st

from intake.spreadsheets.part_scan import PartScan, column_number

LETTERS = ("A", "C", "Z", "AA", "BC", "XFD")


@st.composite
def cells(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Draw (row, column) of cells, the rows ascending."""
    rows = sorted(draw(st.lists(st.integers(1, 1_048_576), min_size=1, max_size=6)))
    return [(row, draw(st.sampled_from(LETTERS))) for row in rows]


@given(cells(), st.lists(st.integers(1, 60), min_size=1))
def test_cells_with_a_value_are_counted_and_blank_ones_are_not(
    cells: list[tuple[int, str]], sizes: list[int]
) -> None:
    blank = '<row r="1048576"><c r="XFD1048576" s="1"/><c r="XFC1048576" s="1" /></row>'
    xml = "".join(f'<c r="{column}{row}" t="s"><v>1</v></c>' for row, column in cells) + blank
    data, scan = xml.encode(), PartScan()
    while data:
        for size in sizes:
            scan.feed(data[:size])
            data = data[size:]
    scan.feed(b"<")
    assert scan.cells == len(cells)
    assert scan.rows == cells[-1][0]
    assert scan.columns == max(column_number(column.encode()) for _, column in cells)


def test_formulas_without_a_result_and_marks_that_are_lost_are_seen() -> None:
    scan = PartScan()
    scan.feed(b"<c><f>1+1</f><v></v></c><c><f>1</f><v>1</v></c><text:p>a<text:tab/>b</text:p>")
    assert (scan.formulas_without_result, scan.has_lost_marks) == (1, True)
