"""A log line in its two forms, and what it must not hold."""

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus.logs.line_format import JsonFormatter, NoticeFormatter, TextFormatter
from chorus.logs.log_line import FIELDS, INDENT, LogLine, parse_line
from storage.log_context import log_fields
from tasks.broker.step_messages import ScoreCell
from tasks.steps.score import ModelBroken, ScoringFailed

TEXT = "the delivery was late"
CELL = ScoreCell("job", "chunk", "mood", 1)


def record(message, *values, error=None, **extra):
    """Return a record as a logger makes it, at a known time."""
    made = logging.getLogger("tasks.steps").makeRecord(
        "tasks.steps",
        logging.INFO,
        __file__,
        1,
        message,
        values,
        (type(error), error, error.__traceback__) if error else None,
        extra=extra,
    )
    made.created = 1795824301.1239
    return made


def raised(error, cause=None):
    """Return an error that was raised, with a traceback."""

    def raise_it():
        raise error from cause

    with pytest.raises(type(error)) as caught:
        raise_it()
    return caught.value


_WORDS = st.text(min_size=1).filter(lambda text: "=" not in text)
_LINES = st.builds(
    LogLine,
    st.just("2026-11-28T00:05:01.123Z"),
    st.sampled_from(["INFO", "WARNING"]),
    st.just("tasks.steps"),
    _WORDS,
    st.dictionaries(st.sampled_from(FIELDS[:6]), _WORDS),
)


@given(_LINES)
def test_the_first_line_of_a_text_names_the_same_fields(line):
    first, *rest = line.to_text().split("\n")
    parsed = parse_line(first)
    assert parsed is not None
    assert parsed.fields.keys() == line.fields.keys()
    assert (parsed.time, parsed.level, parsed.logger) == (line.time, line.level, line.logger)
    assert all(line.startswith(INDENT) for line in rest), (
        "no message can pass for a line of its own"
    )


@given(_LINES)
def test_a_json_line_is_read_back_as_it_was(line):
    text = json.dumps(line.to_object())
    assert text.isascii()
    assert parse_line(text) == line


def test_text_has_the_time_in_utc_and_every_field_once():
    with log_fields({"job": "4f", "chunk": "c1"}):
        line = TextFormatter({"worker": "mood-1"}).format(
            record("score of %s done", "mood", chunk="c2", rows=3, seconds=0.25)
        )
    assert line == (
        "2026-11-28T00:05:01.123Z INFO tasks.steps score of mood done"
        " job=4f chunk=c2 rows=3 seconds=0.25 worker=mood-1"
    )
    parsed = parse_line(line)
    assert parsed.fields == {
        "job": "4f",
        "chunk": "c2",
        "rows": 3,
        "seconds": 0.25,
        "worker": "mood-1",
    }


def test_json_has_one_object_with_the_process_and_the_host():
    line = json.loads(JsonFormatter({"worker": "mood-1"}).format(record("done", job="4f", rows=3)))
    assert line["time"] == "2026-11-28T00:05:01.123Z"
    assert (line["message"], line["job"], line["rows"]) == ("done", "4f", 3)
    assert isinstance(line["process"], int)
    assert line["host"]


@pytest.mark.parametrize("kind", [TextFormatter, JsonFormatter])
def test_a_field_from_outside_cannot_forge_a_line(kind):
    forged = "x\n2026-11-28T00:05:01.123Z INFO tasks.jobs ended: done job=4f\x1b[2J"
    lines = kind({}).format(record("skipped %s", forged, customer=forged)).split("\n")
    assert sum(parse_line(line) is not None for line in lines) == 1
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("kind", [TextFormatter, JsonFormatter])
def test_an_error_of_a_model_is_logged_without_its_text(kind):
    of_model = raised(OSError(f"cannot read {TEXT}"), raised(KeyError(TEXT)))
    reason = f"OSError: cannot read {TEXT}"
    for error in (
        raised(ScoringFailed(CELL, 1, reason), of_model),
        raised(ModelBroken(CELL, reason)),
        raised(ValueError(TEXT)),
    ):
        line = kind({}).format(record("score failed", error=error))
        assert TEXT not in line
        assert Path(__file__).name in line, "where it happened is shown"
        assert type(error).__name__ in line
    assert "mood version 1, attempt 1 at chunk chunk: OSError" in kind({}).format(
        record("failed", error=ScoringFailed(CELL, 1, reason))
    )


def test_a_warning_of_a_command_is_its_message_alone():
    assert NoticeFormatter().format(record("skipping %s", "a\x1b[2J", job="4f")) == (
        r"skipping a\x1b[2J"
    )
