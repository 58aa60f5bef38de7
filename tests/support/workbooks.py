"""Workbooks for tests: made by openpyxl, or written by hand where openpyxl writes no such thing."""

import io
import zipfile
from collections.abc import Mapping, Sequence

import openpyxl

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
# LibreOffice writes one below the rows of every sheet.
BLANK_ODS_ROWS = (
    '<table:table-row table:number-rows-repeated="1048570">'
    '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
)


def workbook(hidden: Sequence[str] = (), **sheets: Sequence[Sequence[object]]) -> bytes:
    """Return an .xlsx with these sheets, as openpyxl writes it."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if name in hidden:
            sheet.sheet_state = "hidden"
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip archive of these files."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return sink.getvalue()


def raw_xlsx(rows: str, strings: str = "", **parts: str) -> bytes:
    """Return an .xlsx of one sheet from the XML of its rows and of its shared strings."""
    kinds = {"worksheet": "worksheets/sheet1.xml", "sharedStrings": "sharedStrings.xml"}
    relationships = "".join(
        f'<Relationship Id="r{number}" Type="{_DOCUMENT}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(kinds.items(), 1)
    )
    return archive(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": (
                f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" '
                f'Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
            ),
            "xl/workbook.xml": (
                f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>'
                '<sheet name="Data" sheetId="1" r:id="r1"/></sheets></workbook>'
            ),
            "xl/_rels/workbook.xml.rels": (
                f'<Relationships xmlns="{_PACKAGE}">{relationships}</Relationships>'
            ),
            "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{strings}</sst>',
            "xl/worksheets/sheet1.xml": (
                f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
            ),
            **parts,
        }
    )


def raw_ods(rows: str) -> bytes:
    """Return an .ods of one sheet from the XML of its rows."""
    prefixes = " ".join(
        f'xmlns:{name}="{_OASIS}:{name}:1.0"' for name in ("office", "table", "text")
    )
    return archive(
        {
            "mimetype": ODS_TYPE,
            "content.xml": (
                f"<office:document-content {prefixes}><office:body><office:spreadsheet>"
                f'<table:table table:name="Data">{rows}</table:table>'
                "</office:spreadsheet></office:body></office:document-content>"
            ),
            "META-INF/manifest.xml": "<manifest/>",
        }
    )


def ods_row(*cells: str, repeated: int = 1) -> str:
    """Return the XML of a row from the XML of its cells."""
    return (
        f'<table:table-row table:number-rows-repeated="{repeated}">'
        f"{''.join(cells)}</table:table-row>"
    )


def ods_cell(text: str, kind: str = "string", repeated: int = 1, **values: str) -> str:
    """Return the XML of a cell that shows `text`; `values`: attributes of `office:`."""
    attributes = "".join(
        f' office:{name.replace("_", "-")}="{value}"' for name, value in values.items()
    )
    return (
        f'<table:table-cell office:value-type="{kind}"{attributes}'
        f' table:number-columns-repeated="{repeated}"><text:p>{text}</text:p></table:table-cell>'
    )
