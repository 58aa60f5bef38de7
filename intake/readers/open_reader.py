"""From the bytes of an upload to its records, by format."""

from collections.abc import Iterator
from contextlib import contextmanager

from intake.detect.file_layout import FileLayout
from intake.detect.lines import read_line_blocks
from intake.detect.source import UploadSource
from intake.errors import UnreadableUpload
from intake.readers.block import OpenedUpload
from intake.readers.csv_rows import read_csv
from intake.readers.jsonl_rows import read_jsonl
from intake.readers.parquet_rows import read_parquet


@contextmanager
def open_reader(
    source: UploadSource, shape: FileLayout, text: str | None, id_: str | None
) -> Iterator[OpenedUpload]:
    """The records of the upload, as long as the block lasts; `text` and `id_` are the columns asked
    for.

    Raises UnreadableUpload when its columns are not as they should be.
    """
    if shape.format == "parquet":
        with source.open_seekable() as file, read_parquet(source.name, file, text, id_) as opened:
            yield opened
        return
    lines = read_line_blocks(source.blocks(), shape.encoding, shape.line_end)
    try:
        if shape.format == "jsonl":
            yield read_jsonl(source.name, lines, shape.line_end, text, id_)
        else:
            yield read_csv(source.name, lines, shape.delimiter, shape.line_end, text, id_)
    # some decoders of Python lose their way for good (ISO-2022-JP in binary data)
    except UnicodeError as error:
        found = f"it cannot be read as {shape.encoding} ({error})"
        raise UnreadableUpload(source.name, found, "Name another --encoding.") from None
