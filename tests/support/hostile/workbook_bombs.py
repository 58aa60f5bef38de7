"""Small workbooks of gigabytes, of a million rows and columns, of nothing, and damaged ones."""

import base64
import gzip
import random
from collections.abc import Iterator

from tests.support.hostile.content import Write, content
from tests.support.workbooks import (
    BLANK_ODS_ROWS,
    ods_cell,
    ods_row,
    raw_ods,
    raw_xlsx,
    workbook,
)

_MIB = 1 << 20
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c>'
    '<c r="B1" t="inlineStr"><is><t>text</t></is></c></row>'
)
_ODS_HEADER = ods_row(ods_cell("id"), ods_cell("text"))
# Made by LibreOffice: a table of two rows; a header and a value in the last cell of a sheet.
_XLS_TABLE = (
    "H4sIAAAAAAACA+1XX2yTVRQ/92vXfR1j+zaYYoH5iX8YrBAIic4orlBwkGhmcP6JWSKlfGOVsjZdjeNBLCIvBhIJ"
    "D/pAYkj2QGLin5DogyZub8Ro5IUHjSaDJw0+VKMxJG6fv3O+2/JRuqQthETsac69t+fc+517z7977sXvu+bOfha5"
    "TBXwBAVowQ1TyEdTQLP0xyIyNG3Bdd0S2W3Cfwrmdc82DMJ+LUC2eau2a1j3Tbg7YQ9l8MuTTTtpAn2ODlM9cA88"
    "xv+9WtYs1DivVmjKb1w+52/O4wFgZfxzruf4bwMuAbYDlwI7gJ3eFUBdwG7gMuByYI/4BNG9wBXA+4ARLXOV7hnv"
    "x9gGPqBpD6J/qJlr7jiETVgx1EJfLv2WTS62vwyP+DQ4K35xBThKWfaNeCKdtO8UbJc9JBTvYQZOuhUjRWdA7aBP"
    "hPqVtFvF+wAxsge0R79sxGTvJ6VdI20H8fovZM2PQtlMvfSTePl7EgSKWlWcEpSmFO1DHkxhRoQucHy9JTM4OtQ2"
    "4fCsW+H2BttpmmNsyJlwcon0nMTONP3l2r44nbGZzsuF/mdtdKNOOv3v6NPQXTU993vzi5X0dYvQo4vQ1y9CD99E"
    "P20grgrkcm8VAtJ3FULSdxeC0i8rtEq/vNDi7hX/PY4sfCooPkXPjztO/gTCU+E3q0wg0chJRVfpFU7SxT0iKlTk"
    "ZMxRXCra/biFlhQ5jL5GMJh0VCHpmzMqhjZGvb9bXto3kf5NpHXzb2T+f6CsoL4y8MXUfgzyzlQeK4dyTiJvJ7JZ"
    "XB8jmYw9mc684eIOMSke9O6QpNkDvK7/Ht0bfNF4Ccm6ISG1Q8Z+nIZDuEtOYOFzG+Krrl55NDL4qtAL158m9DCr"
    "laLqKDizwfWyol/at2Vu6aI6JrR3pH2kvP6XwbW+cV95XBxc5xufRWIJY1ckmjcgLapWtIeOze6dGyz1il4Ax6Q3"
    "5dik3jU79Uk7pAt4fzgJGZYeR710oTqFpqrQjAravFzQ3pVM+p/CP55wBDpVwuvVPCU8Q/MM4a3RPEN4vKvf6Dme"
    "Vdzl6bpoak9hg2NGcZOsCxb7hB4uWlXKDIPaZB2v4bLiKaObPg95uZroSdEd0WotsSQAcABudsD0f0iVSpu2SiEK"
    "FUOgzauBLNPw4spjPb0SzbOpZC4zmRnL2zunkk7afvyxDSOJfU467YhnbU+NjQ3cSu2lPPs1DAsuiftU+S7NHf/w"
    "j2vD49ZHp0zqX3v+B1b6B7o2U1qN7Oi7dJ02qhU0ruu1vK7ZCrpuO6Gd7dd5EnfgNZmsM5E9PJVmmb2av0l/uwQ3"
    "jYci31w88rPyj2/3+cXJL3136czGldbp93H+6LWPd3DGq6CN6jqzlMos3xmfKYeYV2syf0DzY77al3W1LZt90clN"
    "pjITN+qI9btl42a6W+F2vv9E/xUxWG0N2yQW9sYvQXqODqLi4n0crHv/3bCWoe3k1vGuOh8qxVkccg+hwh3GHl5r"
    "SH7A9warZQ3npd3lOB9GPeg0bD9O2vW+/1brt5quIOh1nP8Q6lK2/W54wZjYhCl51KsZUBaHPi2/pQ79c1xdKMvf"
    "AQlJ2YMjHljffgYaOD9fd+ea73+BfwFE8sbQABYAAA=="
)
_XLS_CORNER = (
    "H4sIAAAAAAACA+1XTWxUVRQ+9810+mYo7WuhigXGEaMUWgiERGsUOzCgkGhKEH9imsh0eKUjQ2cyjElZiIOVjYFE"
    "w0IXJIakCxMSf2KiC01sd11oZMNCo0lhpcHF02gMie3zO+fdV17HaZwZiEadMznv3jn33nPuPX/33Mtfdc5d/LDn"
    "KlXAwxSiBTdKkQBNAU3/j0VkaNqC67o+2W3Cvwrmdcs2DMN+LUC2eau2a1S3TfhvwkHK41eiBO2lcbRFOkn1wB3w"
    "mCC/WtYs1DivVmjKb1w+52/O4yFgZfxzruf4jwFXANuAK4HtwA7vCqBOYBdwFXA1sFt8guhO4BrgXVreWt0yxtG/"
    "G5jQtA1o723mmX8EoiasGGmhT1d+wSYX21+FR3wQnhG/uAYcpgL7RiqdyyT+Ltgte0gr3sM0nHQneoougNpO7wv1"
    "M/nuFO8DJCkxoD36OSMpez8n3w3ybSde/4ms+UYo2ylO34qXvyFBoKhVpShNOcrSCPJgFjN6aJbj6xWZwdGhdskI"
    "z7qV0Xi4jaY4xh63x+1iOjcnsTNFv7qJQJxOJ5jOy4X+S210o046/e/oU9BdNT33efOdSvqmZej9y9A3L0OP/ol+"
    "3kBclcnl1iqHpO0sR6TtKoelXVVulXZ1ucU9LP57Bln4VFh8ip4as+3SWYSnwm9GmUCiQ+cUXafnOUk7B0VUxOFk"
    "zFHsF+1B3EErHA6jzxEMJp1WSPrmtErim6T4T5aX9k2kfxNp3fwNmf93JPeQvjbAMXsEnEv2RAncJlxcGCalwt6F"
    "kTG7gTeV3a1bg28VL/tYS7JPGxgewdY5XjtluxbYbUmtu37tgZ7BF4RevvkOoftYh9SvTmNkJrxZVvTJ91WZ699K"
    "k0J7Tb73L67/fnBjoN+72HcGNwX6F5FFotgViZoNSOtXa9oikzOH5wb9VtHTGDHpZTk2qdfNDn3S9sBdyx/TsLwB"
    "8PEGOmheblnvXiX9T+GfvLkwX65stXQ+0zrkPD/SAe45+zxtOaYvLcwcQ8424Rx2eoUedawqVYFBMVnHa7gKeNTo"
    "oo8jXmolekROT7Se+QWOAzgKrzhqBhkpvxKJ/WUtonDrh2JeDWOZhhcX3tBjXDM8mc0U8yfyo6XE3omMnUs89OCW"
    "Q+kRO5ezxVl2Z0dHB26ldlJeRDQMC2yWKixYOXNn3vn5xtCYdelNk/o2fvQ1W+FtXVsprVf23X26zhrWGhvT9VZJ"
    "11xlXXed1bXaD/NEcb0mX7DHCycnciwzrse3ad4+VPbLkwdmL5/6TgX7t/v8TDGufHnlwta11vm3cP7+G+/t4YxV"
    "QRvWdaKfiqzAGZ/QCYZ0rcjjA3o8GahdWVe7CoVn7OKJbH58qY5Yvzu2bqcmVIfb+f4T+1XEcLU1YtOo138W0ot0"
    "DBUX7+NY3fvvgrUNbWe3jnfVSMSP0xTkHkeFO4Q9vNiQ/FDgDVbLmh7g/sU8MYR60G7YfjHIr/f9t06/1XQFQS/h"
    "/MdRl7Lt98MLRsUmTCmhXs2Dsjz0avktdeh/PXB2Uf4eSMjIHmzxwPr2M9DA+e8Bvtt8/wv8AY+1BHAAFgAA"
)


def files() -> Iterator[tuple[str, Write]]:
    for name, rows in _sheets():
        yield f"{name}.xlsx", _xlsx(rows)
    yield from _shared_strings()
    yield from _other_parts()
    for name, rows in _ods_sheets():
        yield f"{name}.ods", _ods(rows)
    yield from _old_workbooks()
    yield from _damaged()


def _sheets() -> Iterator[tuple[str, str]]:
    row_of_cells = f"<row>{'<c><v>1</v></c>' * 16_000}</row>"
    full = f'{_HEADER}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    yield "sheet-last-cell", full
    yield "sheet-last-cell-in-apostrophes", full.replace('"', "'")
    yield "sheet-last-row", f'{_HEADER}<row r="1048576"><c r="B1048576"><v>1</v></c></row>'
    yield "sheet-last-column", f'{_HEADER}<row r="2"><c r="XFD2"><v>1</v></c></row>'
    yield (
        "sheet-beyond-the-last-cell",
        (f'{_HEADER}<row r="9999999"><c r="ZZZZ9999999"><v>1</v></c></row>'),
    )
    yield "sheet-of-cells", _HEADER + row_of_cells * 600
    yield "sheet-of-blank-cells", _HEADER + f"<row>{'<c/>' * 16_000}</row>" * 600
    yield "sheet-of-rows", _HEADER + "<row/>" * 5_000_000
    yield "sheet-of-spaces", _HEADER + " " * (300 * _MIB)
    yield "sheet-of-elements", _HEADER + "<a>" * 1_000_000
    yield "sheet-claims-to-be-full", f'<dimension ref="A1:XFD1048576"/>{_HEADER}'
    yield (
        "sheet-number-of-many-digits",
        (f'{_HEADER}<row r="2"><c r="A2"><v>{"9" * 5_000_000}</v></c></row>'),
    )
    yield (
        "sheet-numbers-without-end",
        (f'{_HEADER}<row r="2"><c r="A2"><v>1e999</v></c><c r="B2"><v>NaN</v></c></row>'),
    )


def _shared_strings() -> Iterator[tuple[str, Write]]:
    uses = "".join(
        f'<row r="{row}"><c r="A{row}"><v>{row}</v></c><c r="B{row}" t="s"><v>0</v></c></row>'
        for row in range(2, 20_000)
    )
    for size in (30_000, 1_000_000):
        strings = f"<si><t>{'some words ' * (size // 11)}</t></si>"
        yield f"strings-of-{size}.xlsx", _xlsx(_HEADER + uses, strings)
    noise = random.Random(5)  # noqa: S311 - no secret
    letters = "".join(noise.choices("abcdefgh ", k=4 * _MIB)) * 8
    yield "strings-large.xlsx", _xlsx(_HEADER, f"<si><t>{letters}</t></si>")
    yield "strings-many.xlsx", _xlsx(_HEADER, "<si><t>a</t></si>" * 3_000_000)
    yield "strings-missing.xlsx", _xlsx(f'{_HEADER}<row r="2"><c r="B2" t="s"><v>77</v></c></row>')
    entities = "".join(f'<!ENTITY e{number + 1} "{f"&e{number};" * 10}">' for number in range(9))
    laughs = (
        f'<!DOCTYPE x [<!ENTITY e0 "haha">{entities}]>'
        f'<sst xmlns="{_MAIN}"><si><t>&e9;</t></si></sst>'
    )
    yield "strings-of-entities.xlsx", _xlsx(_HEADER, **{"xl/sharedStrings.xml": laughs})


def _other_parts() -> Iterator[tuple[str, Write]]:
    yield "picture-of-zeros.xlsx", _xlsx(_HEADER, **{"xl/media/a.png": "\0" * (300 * _MIB)})
    styles = f'<styleSheet xmlns="{_MAIN}">{"<numFmts/>" * 2_000_000}</styleSheet>'
    yield "styles-many.xlsx", _xlsx(_HEADER, **{"xl/styles.xml": styles})
    sheets = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r1"/>' for n in range(1, 3000))
    book = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="http://schemas.openxmlformats.org/officeDocument/'
        f'2006/relationships"><sheets>{sheets}</sheets></workbook>'
    )
    yield (
        "sheets-many.xlsx",
        _xlsx(_HEADER + _HEADER.replace("1", "2"), **{"xl/workbook.xml": book}),
    )
    yield "parts-empty.xlsx", _xlsx("", **{"xl/workbook.xml": "", "xl/styles.xml": ""})


def _ods_sheets() -> Iterator[tuple[str, str]]:
    yield (
        "repeated-cells",
        _ODS_HEADER + ods_row(ods_cell("x", repeated=16_384), repeated=1_048_576),
    )
    yield "repeated-some-cells", _ODS_HEADER + ods_row(ods_cell("x", repeated=16_384), repeated=300)
    yield (
        "repeated-rows",
        (_ODS_HEADER + ods_row(ods_cell("1"), ods_cell("x" * 10_000), repeated=1_048_575)),
    )
    yield (
        "repeated-without-end",
        (_ODS_HEADER + ods_row(ods_cell("x", repeated=2**31 - 1), repeated=2**31 - 1)),
    )
    yield (
        "repeated-blank-rows-between",
        (_ODS_HEADER + BLANK_ODS_ROWS + ods_row(ods_cell("1"), ods_cell("fine"))),
    )
    yield "repeated-spaces", _ODS_HEADER + ods_row(ods_cell('<text:s text:c="2000000000"/>'))
    yield "elements", "<table:a>" * 1_000_000
    yield "spaces", " " * (300 * _MIB)
    yield "rows", _ODS_HEADER + ods_row(ods_cell("1"), ods_cell("x")) * 300_000


def _old_workbooks() -> Iterator[tuple[str, Write]]:
    corner, table = (gzip.decompress(base64.b64decode(text)) for text in (_XLS_CORNER, _XLS_TABLE))
    yield "old-last-cell.xls", content(corner)
    yield "old-of-zeros.xls", content(table[:512] + bytes(30 * _MIB))
    for cut in (8, 512, 1_000, len(table) // 2, len(table) - 1):
        yield f"old-cut-at-{cut}.xls", content(table[:cut])
    noise = random.Random(97)  # noqa: S311 - no secret
    for number in range(16):
        yield f"old-damaged-{number}.xls", content(_overwrite(table, noise))


def _damaged() -> Iterator[tuple[str, Write]]:
    noise = random.Random(2007)  # noqa: S311 - no secret
    table = workbook(Data=[["id", "text"], *([number, "some words"] for number in range(50))])
    sheet = raw_ods(_ODS_HEADER + ods_row(ods_cell("1"), ods_cell("fine")))
    for number in range(8):
        yield f"damaged-{number}.xlsx", content(_overwrite(table, noise))
        yield f"damaged-{number}.ods", content(_overwrite(sheet, noise))
    for cut in (4, 30, len(table) // 2, len(table) - 10):
        yield f"cut-at-{cut}.xlsx", content(table[:cut])


def _xlsx(rows: str, strings: str = "", **parts: str) -> Write:
    return lambda file: file.write_bytes(raw_xlsx(rows, strings, **parts))


def _ods(rows: str) -> Write:
    return lambda file: file.write_bytes(raw_ods(rows))


def _overwrite(data: bytes, noise: random.Random) -> bytes:
    at = noise.randrange(len(data) - 8)
    new = noise.choice((b"\xff" * 4, bytes(4), noise.randbytes(1), noise.randbytes(8)))
    return data[:at] + new + data[at + len(new) :]
