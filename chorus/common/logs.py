"""Logs on standard error: time, level, logger, message, then fields such as job=… chunk=….

A log line never holds a feedback text.
"""

import logging
import sys

_FIELDS = ("worker", "job", "chunk", "model", "version", "threads", "device", "schedule")


class FieldFormatter(logging.Formatter):
    """A formatter that appends the fields of a record."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 — the standard library's name
        """Return the message and then name=value for each field of the record."""
        fields = [
            f"{field}={getattr(record, field)}" for field in _FIELDS if hasattr(record, field)
        ]
        return " ".join([super().formatMessage(record), *fields])


def _shorten_google_errors(record: logging.LogRecord) -> bool:
    """Replace the traceback of an error that Google's client retries by its last line."""
    if record.name.startswith("google.") and record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
        record.exc_info = None
    return True


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log to standard error, in a process that is a worker; the command line prints instead."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    handler.addFilter(_shorten_google_errors)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("celery").setLevel(logging.WARNING)  # the rest repeats our own lines
