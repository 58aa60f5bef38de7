"""Uploads that are archives, or have the name of a workbook and are something else."""

import gzip
import zipfile
from pathlib import Path

import pytest

from intake.detect.intake_limits import IntakeLimits
from intake.errors import UnreadableUpload
from tests.support.intake_files import files_below, stored_rows, upload
from tests.support.workbooks import ODS_TYPE, archive, raw_xlsx, workbook

CSV = b"id,comment\n7,Great app\n8,Too slow\n"
TABLE = workbook(Data=[["id", "comment"], [7, "Great app"], [8, "Too slow"]])
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
HTML = b"<html><body><table><tr><td>id</td><td>comment</td></tr></table></body></html>"
XML = b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>'
OF_MACOS = {"reviews/": b"", "__MACOSX/reviews/._may.csv": b"x", "reviews/.DS_Store": b"x"}


def ole(*streams: str) -> bytes:
    """Return the beginning of an old Office document with these streams."""
    return OLE + b"".join(stream.encode("utf-16-le") + b"\0\0" for stream in streams)


def with_password(data: bytes) -> bytes:
    """Return a zip archive with the mark of a password on its files."""
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.index(signature) + offset
        data = data[:start] + bytes([data[start] | 1]) + data[start + 1 :]
    return data


@pytest.mark.parametrize(
    ("name", "data", "format_"),
    [
        ("in.zip", archive({"may.csv": CSV}), "csv"),
        ("in.csv", archive({"may.csv": CSV}), "csv"),
        ("in.zip", archive({**OF_MACOS, "reviews/may.csv": CSV}), "csv"),
        ("in.zip", archive({"may.tsv": CSV.replace(b",", b"\t")}), "tsv"),
        ("in.zip", archive({"may.csv.gz": gzip.compress(CSV)}), "csv"),
        ("in.zip.gz", gzip.compress(archive({"may.csv": CSV})), "csv"),
        ("in.zip", archive({"may.xlsx": TABLE}), "xlsx"),
        ("in.xlsx", TABLE, "xlsx"),
        ("in.xlsm", TABLE, "xlsx"),
        ("in.csv", TABLE, "xlsx"),
        ("in", TABLE, "xlsx"),
        ("in.xlsx.gz", gzip.compress(TABLE), "xlsx"),
    ],
)  # fmt: skip
def test_one_file_in_an_archive_is_read_as_if_it_came_alone(
    tmp_path: Path, name: str, data: bytes, format_: str
) -> None:
    dataset = upload(tmp_path, data, name)
    assert [(row["id"], row["text"]) for row in stored_rows(tmp_path, dataset)] == [
        ("7", "Great app"),
        ("8", "Too slow"),
    ]
    assert (dataset.source.name, dataset.source.format) == (name, format_)


def test_a_zip_of_a_file_is_the_same_dataset_as_the_file(tmp_path: Path) -> None:
    assert upload(tmp_path, archive({"may.csv": CSV}), "in.zip").id == upload(tmp_path, CSV).id


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_text_under_the_name_of_a_workbook_is_read_as_text_with_a_notice(
    tmp_path: Path, separator: str
) -> None:
    notices: list[str] = []
    data = CSV.replace(b",", separator.encode())
    dataset = upload(tmp_path, data, "in.xls", notify=notices.append)
    assert len(stored_rows(tmp_path, dataset)) == 2
    assert notices[0] == "in.xls: it is named .xls and holds text: read as csv"


TWO = {"april.csv": CSV, "may.csv": CSV}
MANY = {f"{number}.csv": CSV for number in range(12)}
ODT = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"}
LOCKED = {
    "mimetype": ODS_TYPE,
    "META-INF/manifest.xml": "<manifest:encryption-data/>",
    "content.xml": b"\0",
}


@pytest.mark.parametrize(
    ("name", "data", "options", "message"),
    [
        ("in.zip", archive({}), {}, "without files"),
        ("in.zip", archive(OF_MACOS), {}, "without files"),
        ("in.zip", archive(TWO), {}, "zip archive of 2 files: 'april.csv', 'may.csv'"),
        ("in.zip", archive(MANY), {}, "12 files: '0.csv', .* and 4 more"),
        ("in.zip", archive({"in.zip": archive({"may.csv": CSV})}), {}, "inside another archive"),
        ("in.zip", with_password(archive({"may.csv": CSV})), {}, "'may.csv' in it has a password"),
        ("in.zip", archive({"may.csv": CSV})[:-30], {}, "damaged zip archive"),
        ("in.zip", archive({"may.csv": b""}), {}, "in.zip/may.csv: it is empty"),
        ("in.zip", archive({"may.csv": CSV}), {"sheet": "May"}, "csv, which has no sheets"),
        ("in.zip", archive({"may.docx": archive({"word/document.xml": ""})}), {}, "Word document"),
        ("in.xlsx", archive({"word/document.xml": ""}), {}, "Word document"),
        ("in.xlsx", archive({"ppt/presentation.xml": ""}), {}, "PowerPoint"),
        ("in.xlsx", archive({"xl/workbook.bin": ""}), {}, "binary workbook"),
        ("in.xlsx", archive({"Index/Document.iwa": ""}), {}, "Numbers"),
        ("in.ods", archive(ODT), {}, "OpenDocument text, not a spreadsheet"),
        ("in.ods", archive(LOCKED), {}, "protected by a password"),
        ("in.xlsx", ole("EncryptedPackage"), {}, "protected by a password"),
        ("in.xls", ole("WordDocument", "Workbook"), {}, "Word document"),
        ("in.xls", ole("PowerPoint Document"), {}, "PowerPoint"),
        ("in.xls", ole("__nameid_version1.0"), {}, "Outlook"),
        ("in.xls", ole("SomethingElse"), {}, "no workbook"),
        ("in.xls", ole("Workbook"), {}, "workbook that cannot be read"),
        ("in.xlsx", archive({"xl/workbook.xml": "<workbook/>"}), {}, "cannot be read"),
        ("in.xlsx", TABLE[:-30], {}, "damaged zip archive"),
        ("in.xls", HTML, {}, "web page"),
        ("in.xls", b"\xef\xbb\xbf\r\n" + HTML.upper(), {}, "web page"),
        ("in.xls", XML, {}, "web page or XML"),
        ("in.csv", CSV, {"format": "xlsx"}, "it is not an Excel workbook"),
        ("in.csv", CSV, {"sheet": "May"}, "csv, which has no sheets"),
        ("in.xlsx", TABLE, {"format": "ods"}, "it is an Excel workbook, not ods"),
    ],
)  # fmt: skip
def test_what_is_no_single_table_is_refused_by_what_it_is(
    tmp_path: Path, name: str, data: bytes, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UnreadableUpload, match=message):
        upload(tmp_path, data, name, **options)
    assert files_below(tmp_path / "home") == {}


def test_a_damaged_file_in_an_archive_is_refused(tmp_path: Path) -> None:
    data = archive({"may.csv": CSV * 100})
    with zipfile.ZipFile(_file(tmp_path, data)) as packed:
        start = packed.infolist()[0].header_offset + 40
    with pytest.raises(UnreadableUpload, match="damaged zip archive"):
        upload(tmp_path, data[:start] + b"????" + data[start + 4 :], "in.zip")


def _file(folder: Path, data: bytes) -> Path:
    file = folder / "whole.zip"
    file.write_bytes(data)
    return file


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
@pytest.mark.parametrize(("field", "what"), [(16, "checksum"), (24, "size")])
def test_a_workbook_whose_directory_is_wrong_is_refused(
    tmp_path: Path, part: str, field: int, what: str
) -> None:
    directory = TABLE.index(b"PK\x01\x02")
    at = TABLE.index(part.encode(), directory) - 46 + field
    data = TABLE[:at] + b"\x07\x00\x00\x00" + TABLE[at + 4 :]
    with pytest.raises(UnreadableUpload, match=f"damaged zip archive .*{what}"):
        upload(tmp_path, data, "in.xlsx")


@pytest.mark.parametrize(
    ("data", "limits", "message"),
    [
        (raw_xlsx("<row/>" + " " * (40 << 20)), {}, "CHORUS_INTAKE_RATIO"),
        (archive({"in.csv": CSV + bytes(40 << 20)}), {}, "CHORUS_INTAKE_RATIO"),
        (TABLE, {"unpacked": 1000}, "CHORUS_INTAKE_UNPACKED"),
        (archive({"in.csv": CSV}), {"unpacked": 20}, "CHORUS_INTAKE_UNPACKED"),
        (TABLE, {"memory": 500}, "6 cells or more.*CHORUS_INTAKE_MEMORY"),
        (
            raw_xlsx('<row r="9"><c r="AB9"><v>1</v></c></row>'),
            {"memory": 1000},
            "9 rows and 28 columns.*CHORUS_INTAKE_MEMORY",
        ),
    ],
    ids=["workbook ratio", "zip ratio", "workbook", "zip", "cells", "blank cells"],
)
def test_archives_and_workbooks_keep_to_the_limits_of_intake(
    tmp_path: Path, data: bytes, limits: dict[str, int], message: str
) -> None:
    with pytest.raises(UnreadableUpload, match=message):
        upload(tmp_path, data, "in", limits=IntakeLimits(**limits))
