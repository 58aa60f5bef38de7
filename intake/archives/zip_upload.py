"""An upload that is a zip archive: the one file in it is read."""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from intake.archives.zip_file import (
    ZIP_MAGICS,
    damaged_zip,
    describe_archive,
    is_encrypted,
    list_files,
)
from intake.detect.intake_limits import check_unpacked
from intake.detect.source import UploadFile
from intake.errors import UnreadableUpload
from storage.name_list import list_names

_MAX_NAME_CHARS = 60
_BLOCK_BYTES = 1 << 20


@contextmanager
def unpack_zip(source: UploadFile) -> Iterator[UploadFile]:
    """Yield the one file in an upload that is a zip archive; any other upload as it is.

    A workbook or another document, which is an archive too, stays as it is. Raises
    UnreadableUpload.
    """
    if not next(source.blocks(), b"").startswith(ZIP_MAGICS):
        yield source
        return
    with source.open_seekable() as file:
        members = list_files(source.name, file)
        if describe_archive(file, members):
            yield source
            return
        member = _only_file(source.name, members)
        with tempfile.NamedTemporaryFile(prefix="chorus-") as copy:
            _extract(source, file, member, Path(copy.name))
            name = f"{source.name}/{member.filename}"
            yield UploadFile(name, Path(copy.name), source.limits, source.on_read)


def _only_file(name: str, members: Sequence[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    if not members:
        raise UnreadableUpload(name, "it is a zip archive without files", "Pack it again.")
    if len(members) > 1:
        listed = list_names([repr(member.filename[:_MAX_NAME_CHARS]) for member in members])
        problem = f"it is a zip archive of {len(members)} files: {listed}"
        raise UnreadableUpload(name, problem, "Unpack it, and give one of them.")
    if is_encrypted(members[0]):
        problem = f"the file {members[0].filename[:_MAX_NAME_CHARS]!r} in it has a password"
        raise UnreadableUpload(name, problem, "Pack it without a password.")
    return members[0]


def _extract(source: UploadFile, file: Path, member: zipfile.ZipInfo, target: Path) -> None:
    unpacked = 0
    try:
        with (
            zipfile.ZipFile(file) as archive,
            archive.open(member) as packed,
            target.open("wb") as copy,
        ):
            while block := packed.read(_BLOCK_BYTES):
                unpacked += len(block)
                check_unpacked(source.name, source.limits, unpacked, member.compress_size)
                source.on_read(0)
                copy.write(block)
    except NotImplementedError as error:  # a method of compression that Python lacks
        problem = f"it is packed in a way that cannot be read ({error})"
        raise UnreadableUpload(source.name, problem, "Pack it again, as an ordinary zip.") from None
    except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, zlib.error) as error:
        raise damaged_zip(source.name, error) from None
