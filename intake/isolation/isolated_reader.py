"""The reading of an upload in a process of its own, as its parent sees it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import NoReturn, Self, TypeVar

import pyarrow as pa

from intake.dataset.reading import UploadReading, ValidatedBlock, ValidatedUpload
from intake.dataset.upload_options import UploadOptions
from intake.detect.intake_limits import LimitExceeded
from intake.detect.source import UploadFile
from intake.errors import UnreadableUpload
from intake.isolation import wire
from intake.isolation.reader_process import start_reader_process
from intake.isolation.reading_progress import ReadingProgress, ShowReading
from intake.isolation.serve import ReadRequest
from processes.piped_process import PipedProcess, ProcessEnded, ProcessTimedOut
from storage.errors import BadRequest

_WAIT_SECONDS = 120.0  # for the next message; the process itself has a limit of computing
_MALFORMED = (pa.ArrowException, ValueError, KeyError, TypeError)
_REPORT = "If other programs can read the file, please report this."
T = TypeVar("T")


class IsolatedReader:
    """A process that reads one upload. It ends with the block that this is the context of.

    It starts at once, so that it imports its libraries while the caller does other work.
    """

    def __init__(
        self,
        initializer: Callable[[], None] | None = None,
        show: ShowReading = lambda _: None,
        started: PipedProcess | None = None,
    ) -> None:
        """Use the process that was started, or start one, which calls `initializer` first.

        `show` is called with its progress.
        """
        self._stack, self._show = ExitStack(), show
        # Of the parent, because a process that is killed leaves its files; it goes after the
        # process, which could write to it until then.
        self._temporary = self._stack.enter_context(TemporaryDirectory(prefix="chorus-"))
        self._process = started or start_reader_process(initializer)
        self._stack.callback(self._process.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def pid(self) -> int | None:
        """The id of the process."""
        return self._process.pid

    @contextmanager
    def read(self, source: UploadFile, options: UploadOptions) -> Iterator[UploadReading]:
        """Yield the reading of the upload, as `read_in_process` does.

        Raises UnreadableUpload, also if the process needs more memory or time than the limits
        allow, or crashes.
        """
        self._process.send(ReadRequest(source.name, str(source.file), options, self._temporary))
        yield _IsolatedReading(self._process, source, self._show)


class _IsolatedReading:
    def __init__(self, process: PipedProcess, source: UploadFile, show: ShowReading) -> None:
        self._process, self._show = process, show
        self._name, self._size, self._limits = source.name, source.size, source.limits
        self.facts = self._parse(wire.parse_facts, self._receive("facts"))

    @contextmanager
    def records(self) -> Iterator[ValidatedUpload]:
        self._process.send("records")
        yield self._parse(wire.parse_upload, self._receive("upload"), self._blocks())

    def _blocks(self) -> Iterator[ValidatedBlock]:
        while (header := self._receive("block", "end"))["kind"] == "block":
            yield self._parse(wire.parse_block, header, self._bytes())

    def _receive(self, *expected: str) -> wire.Header:
        while True:
            header = self._parse(wire.parse_header, self._bytes())
            kind = header["kind"]
            if kind in expected:
                return header
            if kind == "progress":
                self._show(ReadingProgress(self._name, header["rows"], header["bytes"], self._size))
            else:
                self._raise(kind, header)

    def _parse(self, parse: Callable[..., T], *message: object) -> T:
        """Return the meaning of a message; a malformed one refuses the upload."""
        try:
            return parse(*message)
        except _MALFORMED as error:
            self._fail(error)

    def _bytes(self) -> bytes:
        try:
            return self._process.receive_bytes(_WAIT_SECONDS)
        except ProcessEnded as error:
            raise self._ended(error) from None
        except ProcessTimedOut as error:
            raise UnreadableUpload(
                self._name, f"reading it {error}", "Check the disk it lies on, and run again."
            ) from None

    def _raise(self, kind: str, fields: wire.Header) -> NoReturn:
        """Raise the error that the process reported."""
        if kind == "unreadable":
            raise UnreadableUpload(fields["name"], fields["problem"], fields["advice"])
        if kind == "refused":
            raise BadRequest(fields["reason"])
        if kind == "disk":
            raise OSError(fields["reason"])
        if kind == "memory":
            raise self._exceeded("memory", "reading it needs more memory than it may have")
        self._fail(fields.get("reason", f"it sent {kind!r}"))

    def _ended(self, error: ProcessEnded) -> UnreadableUpload:
        if error.status == -signal.SIGXCPU:
            return self._exceeded("seconds", "a part of it takes too long to read")
        if error.status == -signal.SIGABRT:  # C++ ends so where no memory is left
            return self._exceeded("memory", "its reader crashed, as it does without memory")
        return UnreadableUpload(self._name, f"its reader {error}", _REPORT)

    def _exceeded(self, limit: str, seen: str) -> LimitExceeded:
        return LimitExceeded(self._name, self._limits, limit, seen)

    def _fail(self, reason: object) -> NoReturn:
        raise UnreadableUpload(self._name, f"its reader failed ({reason})", _REPORT) from None
