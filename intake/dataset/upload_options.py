"""The arguments of an intake: which file, and how to read it."""

from dataclasses import dataclass, field

from intake.dataset.refusal import AcceptedLosses
from intake.detect.intake_limits import IntakeLimits
from intake.readers.columns import ColumnRequest


@dataclass(frozen=True)
class UploadOptions:
    """The file to store, and how to read it. An option that is None is chosen by the content."""

    path: str  # a local path, a URL, or "-" for standard input
    customer: str
    columns: ColumnRequest = field(default_factory=ColumnRequest)
    accepted: AcceptedLosses = field(default_factory=AcceptedLosses)
    encoding: str | None = None
    format: str | None = None  # one of intake.detect.file_format.FORMATS
    sheet: str | None = None  # of a workbook: its name, or its number
    chunk_rows: int = 4096
    max_chars: int = 20_000  # a clean text longer than this is rejected
    limits: IntakeLimits = field(default_factory=IntakeLimits)
