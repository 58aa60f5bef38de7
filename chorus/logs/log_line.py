"""One log line, and its two forms: text for people, and a JSON object for machines.

What comes from outside is escaped in text, and whatever follows a line's first newline is indented:
a line that begins with a time is one that a process has logged.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chorus.common.escape import escape_controls, escape_lines

# Fields that lines have, in the order in which text shows them; those of the process come last.
FIELDS = (
    *("job", "run", "schedule", "customer", "dataset", "chunk", "model", "version"),
    *("rows", "seconds", "threads", "device"),
    *("worker", "command", "user", "host", "process"),
)
INDENT = "    "
_ONE_WORD = re.compile(r'[^\s"]+')
_NUMBERS = {"version": int, "rows": int, "seconds": float, "threads": int, "process": int}
_FIRST_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<level>[A-Z]+) (?P<logger>\S+)"
    r" (?P<rest>.*)"
)
_FIELD = re.compile(rf' ({"|".join(FIELDS)})=([^\s"]+|"(?:[^"\\]|\\.)*")(?= |$)')


@dataclass(frozen=True)
class LogLine:
    """Line that a process has logged; `time` as 2026-11-28T00:05:01.123Z."""

    time: str
    level: str
    logger: str
    message: str
    fields: Mapping[str, object] = field(default_factory=dict)
    traceback: str = ""

    def to_text(self) -> str:
        """Return time, level, logger, message, name=value for each field; then indented lines.

        2026-11-28T00:05:01.123Z INFO workers.runtime.run_step chorus.score done job=4f… model=mood
        """
        message, *rest = escape_lines(self.message).split("\n")
        first = [self.time, self.level, self.logger, message]
        first += [f"{name}={_quote(value)}" for name, value in self.fields.items()]
        rest += escape_lines(self.traceback).splitlines()
        return f"\n{INDENT}".join([" ".join(first), *rest])

    def to_object(self) -> dict[str, object]:
        """Return the object of JSON."""
        start = {"time": self.time, "level": self.level, "logger": self.logger}
        end = {"traceback": self.traceback} if self.traceback else {}
        return {**start, "message": self.message, **self.fields, **end}


def format_time(seconds: float) -> str:
    """Return a time, in seconds since 1970, as 2026-11-28T00:05:01.123Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_line(line: str) -> LogLine | None:
    """Return the log line of one line of a file, without what follows indented; None if it is none.

    The message of a text stays as it is shown.
    """
    if line.startswith("{"):
        return _parse_json(line)
    first = _FIRST_LINE.fullmatch(line)
    if first is None:
        return None
    message, values = f" {first['rest']}", dict[str, object]()
    for match in reversed(list(_FIELD.finditer(message))):
        if match.end() != len(message) or match[1] in values:
            break
        message = message[: match.start()]
        values[match[1]] = _parse_value(match[1], match[2])
    fields = {name: values[name] for name in FIELDS if name in values}
    return LogLine(first["time"], first["level"], first["logger"], message[1:], fields)


def _parse_json(line: str) -> LogLine | None:
    try:
        values = json.loads(line)
        moment, level, logger, message = (
            str(values.pop(name)) for name in ("time", "level", "logger", "message")
        )
    except (ValueError, KeyError):
        return None
    return LogLine(moment, level, logger, message, values, str(values.pop("traceback", "")))


def _parse_value(name: str, text: str) -> object:
    try:
        return _NUMBERS.get(name, str)(json.loads(text) if text.startswith('"') else text)
    except ValueError:
        return text


def _quote(value: object) -> str:
    """Return a value as it is if it is one word, else in quotes."""
    text = escape_controls(str(value))
    return text if _ONE_WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)
