"""The writer of each format of an export."""

from tasks.formats.excel_file import excel_writer
from tasks.formats.output_format import FileFormat, OpenWriter
from tasks.formats.parquet_file import parquet_writer
from tasks.formats.text_files import csv_writer, jsonl_writer

WRITERS: dict[FileFormat, OpenWriter] = {
    "csv": csv_writer,
    "xlsx": excel_writer,
    "jsonl": jsonl_writer,
    "parquet": parquet_writer,
}
