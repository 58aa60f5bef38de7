"""The option `--out`: a folder for the labelled parts, or a file for people and programs."""

from dataclasses import dataclass
from pathlib import Path

from chorus.common.settings import Settings
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.place import Place
from tasks.export.destination import claim_file
from tasks.formats.excel_file import check_excel_installed
from tasks.formats.output_format import FORMATS, format_of

# Ends of names by which people mean a file: no folder of that name is made without asking.
_OTHER_FILES = ("tsv", "txt", "json", "ndjson", "xls", "xlsb", "xlsm", "ods", "html", "gz", "zip")
_ENDINGS = ", ".join(f".{format_}" for format_ in FORMATS)


class UnknownFileFormat(BadRequest):
    """A name whose end says no format that can be written."""

    def __init__(self, name: str, advice: str) -> None:
        self.name = name
        super().__init__(f"Cannot tell what to write to {name}. Files end in {_ENDINGS}. {advice}")


@dataclass(frozen=True)
class OutOption:
    """The value of `--out`: a folder, a file, or nothing."""

    folder: str | None = None
    file: str | None = None  # as `absolute_url` gives it


def read_out(settings: Settings, out: str | None) -> OutOption:
    """Return the folder or the file that `--out` names; nothing is written.

    A name with the end of one of the formats is a file, unless a folder has it. Raises NotAllowed,
    UnknownFileFormat, ExcelNotInstalled, UnknownScheme.
    """
    if out is None:
        return OutOption()
    if out == "-":
        raise UnknownFileFormat(out, "For standard output, use `chorus export JOB --out -`.")
    out = settings.check_allowed(out)
    ending = out.lower().rpartition(".")[2]
    if (format_of(out) is None and ending not in _OTHER_FILES) or _is_folder(out):
        return OutOption(folder=out)
    if format_of(out) is None:
        raise UnknownFileFormat(out, "For a folder of Parquet files, choose another name.")
    return OutOption(file=check_file(out))


def check_file(out: str) -> str:
    """Return the absolute path or URL of a file to write. Raises ExcelNotInstalled."""
    if format_of(out) == "xlsx":
        check_excel_installed()
    return absolute_url(out)


def claim_out(place: Place, out: OutOption, *, force: bool) -> None:
    """Check that the file, if there is one, may be written. Raises FileTaken, NotWritable."""
    if out.file is not None:
        claim_file(place, out.file, force=force)


def absolute_url(url: str) -> str:
    """Return a path or URL that means the same in every process; a file has only one.

    Links and dots in a path to a local file are followed, but for its own name.
    """
    url = open_place(url).url
    if "://" in url:
        return url
    return str(Path(url).parent.resolve() / Path(url).name)


def _is_folder(out: str) -> bool:
    if "://" in out and not out.startswith("file://"):
        return bool(open_place(out).names(""))
    try:
        return Path(out.removeprefix("file://")).expanduser().is_dir()
    except OSError:  # a part of the path may not be looked at, or is too long
        return False
