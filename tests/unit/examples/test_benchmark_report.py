"""What benchmarks print: a table for people, and last one JSON object by the targets."""

import json
import sys

import pytest

from tests.support.repository import REPOSITORY


@pytest.fixture
def benchmarks(monkeypatch):
    """The module as a script beside it imports it."""
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    from support import report

    yield report
    for name in ("support", "support.report"):
        del sys.modules[name]


def test_the_last_line_says_what_was_measured_wanted_and_met(benchmarks, capsys):
    benchmarks.report(
        "speed",
        {"rows a second": 120_000.0, "growth": 1.2, "cores": 2},
        {"rows a second": benchmarks.AtLeast(100_000), "growth": benchmarks.AtMost(1.15)},
    )
    printed = capsys.readouterr().out.splitlines()
    assert json.loads(printed[-1]) == {
        "benchmark": "speed",
        "measures": {"rows a second": 120_000.0, "growth": 1.2, "cores": 2},
        "targets": {"rows a second": 100_000, "growth": 1.15},
        "met": {"rows a second": True, "growth": False},
    }
    assert (
        next(line.split()[-1] for line in printed if line.strip().startswith("growth")) == "MISSED"
    )


def test_what_was_not_measured_is_not_met(benchmarks, capsys):
    benchmarks.report("speed", {}, {"ratio": benchmarks.AtLeast(15)})
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["met"] == {"ratio": False}
