"""Logs on standard error, one line an event: time, level, logger, message, then job=… chunk=…
model=…; never a text.
"""

import logging
import sys

_FIELDS = ("worker", "job", "chunk", "model", "version", "threads", "device", "schedule")


class Fields(logging.Formatter):
    """Appends the fields that a record carries."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 — the standard library's name
        found = [f"{field}={getattr(record, field)}" for field in _FIELDS if hasattr(record, field)]
        return " ".join([super().formatMessage(record), *found])


def _without_traceback(record: logging.LogRecord) -> bool:
    """What Google's client says of acknowledgements and streams that it tries again: the last line
    is enough.
    """
    if record.name.startswith("google.") and record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
        record.exc_info = None
    return True


def log_to_stderr(level: int = logging.INFO) -> None:
    """For a process that is a worker; the command line prints for people instead."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Fields())
    handler.addFilter(_without_traceback)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("celery").setLevel(logging.WARNING)  # it repeats what our own lines say
