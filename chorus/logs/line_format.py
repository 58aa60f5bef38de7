"""Formatters: from a record of the standard library to a line. No line holds a feedback text."""

import json
import logging
import socket
from collections.abc import Mapping

from chorus.common.escape import escape_lines
from chorus.logs.log_line import FIELDS, LogLine, format_time
from chorus.logs.safe_traceback import format_traceback
from storage.log_context import current_log_fields


class TextFormatter(logging.Formatter):
    """Lines for people; see LogLine.to_text."""

    def __init__(self, process_fields: Mapping[str, object]) -> None:
        """`process_fields`: what every line of this process has."""
        super().__init__()
        self._process_fields = process_fields

    def format(self, record: logging.LogRecord) -> str:
        """Return the line or lines of a record."""
        return to_log_line(record, self._process_fields).to_text()


class JsonFormatter(logging.Formatter):
    """One JSON object a line, ASCII, true in every character; with host and process."""

    def __init__(self, process_fields: Mapping[str, object]) -> None:
        """`process_fields`: as for text."""
        super().__init__()
        self._process_fields = {"host": socket.gethostname(), **process_fields}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = {**self._process_fields, "process": record.process}
        return json.dumps(to_log_line(record, fields).to_object(), default=str)


class NoticeFormatter(logging.Formatter):
    """The message and the traceback alone: for standard error of a command."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        line = to_log_line(record, {})
        return escape_lines("\n".join(filter(None, [line.message, line.traceback])))


def to_log_line(record: logging.LogRecord, process_fields: Mapping[str, object]) -> LogLine:
    """Return the line of a record, with its own fields, those of the step and of the process."""
    own, context = record.__dict__, current_log_fields()
    fields: dict[str, object] = {}
    for name in FIELDS:
        # the number `process` of every record is shown where process_fields have one
        value = own.get(name) if name != "process" else None
        if value is None:
            value = context.get(name, process_fields.get(name))
        if value is not None:
            fields[name] = value
    error = record.exc_info[1] if record.exc_info else None
    return LogLine(
        format_time(record.created),
        record.levelname,
        record.name,
        record.getMessage(),
        fields,
        format_traceback(error) if error is not None else "",
    )
