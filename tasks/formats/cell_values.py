"""Texts as cells of CSV and Excel, so that no program takes them for a formula. Pure."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from tasks.formats.output_format import LABELS

LABEL_SEPARATOR = "|"  # between the labels of an any_of target
MAX_CELL_UNITS = 32_767  # of UTF-16, in a cell of Excel
CUT_MARK = " … [cut]"

_FORMULA = r"\A([=+\-@\t\r])"  # RE2
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LINE_END = re.compile("\r\n?")


def joined_labels(table: pa.Table) -> pa.Table:
    """Return the table with lists of labels joined to strings: ["price", "staff"] price|staff."""
    for position, column in enumerate(table.schema):
        if column.type == LABELS:
            joined = pc.binary_join(table[column.name].combine_chunks(), LABEL_SEPARATOR)
            table = table.set_column(position, column.name, joined)
    return table


def without_formulas(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return [n] strings with an apostrophe before each that a spreadsheet might compute."""
    return pc.replace_substring_regex(texts, _FORMULA, r"'\1")


def excel_text(text: str) -> str:
    """Return a text that a cell of Excel can hold.

    Line ends become \\n, characters that XML has no place for become U+FFFD, and a text of more
    than MAX_CELL_UNITS is cut and ends with CUT_MARK.
    """
    text = _NOT_IN_XML.sub("\ufffd", _LINE_END.sub("\n", text))
    if len(text) * 2 <= MAX_CELL_UNITS or _units(text) <= MAX_CELL_UNITS:
        return text
    kept = text[: MAX_CELL_UNITS - len(CUT_MARK)]
    while (over := _units(kept) + len(CUT_MARK) - MAX_CELL_UNITS) > 0:
        kept = kept[: -((over + 1) // 2)]
    return kept + CUT_MARK


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
