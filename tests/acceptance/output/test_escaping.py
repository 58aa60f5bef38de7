"""Nothing that comes from outside reaches a terminal unescaped."""

import re
import unicodedata

import pytest

from chorus.common.console import print_traceback
from tests.support.runs.command import Command

CLEAR = "\x1b[2J\x1b]0;owned\x07"  # clears a terminal and changes its title
REVERSED = "\u202e"


@pytest.fixture
def chorus(home):
    return Command(home, light=True)


def controls(shown):
    """Return the characters of what a command printed that a terminal would obey."""
    return {
        character
        for character in shown
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character != "\n"
    }


def test_a_preview_shows_the_escapes_of_texts_ids_and_names(chorus, upload, tmp_path):
    rows = [(f"1{REVERSED}", f"great {CLEAR}"), ("2", "awful [red]really[/red]")]
    ended = chorus("score", upload(rows, f"a{REVERSED}.csv"), "--out", tmp_path / f"out{CLEAR}")
    assert ended.status == 0, ended.err
    assert not controls(ended.out + ended.err)
    shown = re.sub(r"\s", "", ended.out)
    for expected in (r"great\x1b[2J\x1b]0;owned\x07", r"1\u202e", "[red]really[/red]"):
        assert expected in shown
    assert r"out\x1b[2J" in shown

    [job] = re.findall(r"Job (\w+):", ended.out)
    status = chorus.here("status", job, "--json")
    assert not controls(status.out)
    assert status.json["output"] == str(tmp_path / f"out{CLEAR}")  # its value is the true one


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", f"missing{CLEAR}.csv"],
        ["score", f"a{REVERSED}.csv", "b.csv"],
        [f"no{CLEAR}command"],
        ["score", f"--no{CLEAR}option"],
        ["status", f"job{CLEAR}"],
        ["models", "show", f"model{CLEAR}"],
        ["score", "a.csv", "--customer", f"acme{CLEAR}"],
    ],
)
def test_an_error_shows_what_was_typed_escaped(chorus, arguments):
    for options in ([], ["--json"]):
        ended = chorus.here(*arguments, *options)
        assert ended.status == 2
        assert not controls(ended.out + ended.err)
        assert "\\x1b" in ended.err or "\\u202e" in ended.err or "Usage" in ended.err


def test_a_column_name_is_escaped_where_it_is_refused(chorus, tmp_path):
    file = tmp_path / "columns.csv"
    file.write_text(f"nr,colour{CLEAR}\n1,red\n")
    ended = chorus.here("score", file)
    assert ended.status == 2
    assert not controls(ended.out + ended.err)
    assert r"colour\x1b[2J" in ended.err


def test_an_unexpected_error_is_printed_escaped(capsys):
    error = ValueError(f"cannot read {CLEAR}")
    print_traceback(ValueError, error, None)
    shown = capsys.readouterr().err
    assert not controls(shown)
    assert r"ValueError: cannot read \x1b[2J" in shown
