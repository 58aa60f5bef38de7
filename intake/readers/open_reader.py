"""Choice of the reader by format: the bytes of an upload become its records."""

from collections.abc import Iterator
from contextlib import contextmanager

from intake.detect.file_format import WORKBOOKS
from intake.detect.file_layout import FileLayout
from intake.detect.lines import read_line_blocks, skip_lines
from intake.detect.source import UploadFile
from intake.errors import UnreadableUpload
from intake.readers.block import OpenedUpload
from intake.readers.columns import ColumnRequest
from intake.readers.csv_rows import read_csv
from intake.readers.jsonl_rows import read_jsonl
from intake.readers.parquet_rows import read_parquet
from intake.readers.spreadsheet_rows import read_spreadsheet


@contextmanager
def open_reader(
    source: UploadFile, layout: FileLayout, request: ColumnRequest, sheet: str | None = None
) -> Iterator[OpenedUpload]:
    """Yield the opened upload; `sheet` is the requested one of a workbook.

    Raises UnreadableUpload if its columns cannot be chosen or its bytes cannot be read.
    """
    if layout.format == "parquet":
        with (
            source.open_seekable() as file,
            read_parquet(source.name, file, request, source.limits) as opened,
        ):
            yield opened
        return
    if layout.format in WORKBOOKS:
        with (
            source.open_seekable() as file,
            read_spreadsheet(source, layout.format, file, sheet, request) as opened,
        ):
            yield opened
        return
    if sheet is not None:
        problem = f"it is {layout.format}, which has no sheets"
        raise UnreadableUpload(source.name, problem, "Leave --sheet out.")
    line_blocks = read_line_blocks(
        source.blocks(), layout.encoding, layout.line_end, source.limits.line
    )
    try:
        if layout.format == "jsonl":
            yield read_jsonl(source.name, line_blocks, layout.line_end, request, source.limits)
        else:
            line_blocks = skip_lines(line_blocks, layout.lines_above, layout.line_end)
            yield read_csv(
                source.name,
                line_blocks,
                layout.delimiter,
                layout.line_end,
                request,
                source.limits,
            )
    # Some decoders of Python cannot go on after invalid bytes (ISO-2022-JP in binary data).
    except UnicodeError as error:
        problem = f"it cannot be read as {layout.encoding} ({error})"
        raise UnreadableUpload(source.name, problem, "Name another --encoding.") from None
