"""A child process with a pipe: its answers, and the errors of one that does not answer."""

import os
import signal
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from processes.piped_process import (
    PipedProcess,
    ProcessEnded,
    ProcessTimedOut,
    UnexpectedAnswer,
)

LIMIT = 60.0  # seconds, for answers that do come


class Unreadable:
    """An object that can be pickled, and raises an error when it is unpickled."""

    def __reduce__(self):
        return int, ("no number",)


def initialize():
    os.environ["INITIALIZED"] = "yes"


def serve(pipe, greeting):
    """Answer each word with itself, or do what it says."""
    pipe.send((greeting, os.environ.get("INITIALIZED")))
    while True:
        word = pipe.recv()
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "exit":
            sys.exit(3)
        if word == "raise":
            raise OSError("not of the pipe")
        if word == "hang":
            Event().wait(600)
        if word == "signals":  # what a terminal or a service manager sends to a group
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0)
        pipe.send({"unreadable": Unreadable(), "number": 7}.get(word, word))


@pytest.fixture
def process():
    started = PipedProcess(serve, ("hello",), initialize)
    assert started.receive(LIMIT, tuple) == ("hello", "yes")
    yield started
    started.stop()


def test_messages_are_answered_in_order(process):
    for word in ("one", "two"):
        process.send(word)
    assert [process.receive(LIMIT, str) for _ in range(2)] == ["one", "two"]


def test_an_answer_may_have_any_of_the_expected_types(process):
    process.send("number")
    assert process.receive(LIMIT, str, int) == 7


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("kill", -signal.SIGKILL, "ended by signal SIGKILL"),
        ("exit", 3, "ended its process with status 3"),
        ("raise", 1, "ended its process with status 1"),
    ],
)
def test_a_process_that_ends_says_how_it_ended(process, word, status, reason):
    process.send(word)
    with pytest.raises(ProcessEnded, match=f"^{reason}$") as caught:
        process.receive(LIMIT, str)
    assert caught.value.status == status
    assert not process.is_alive()


def test_receiving_from_a_process_that_has_ended_says_how_it_ended(process):
    os.kill(process.pid, signal.SIGKILL)
    for _ in range(2):
        process.send("word")
        with pytest.raises(ProcessEnded, match="SIGKILL"):
            process.receive(LIMIT, str)


def test_a_process_that_hangs_is_ended_at_its_limit(process):
    process.send("hang")
    with pytest.raises(ProcessTimedOut, match=r"^took longer than 0\.1 s$"):
        process.receive(0.1, str)
    assert not process.is_alive()


@pytest.mark.parametrize(
    ("word", "reason"),
    [("number", "^answered with a int$"), ("unreadable", "something unreadable: invalid literal")],
)
def test_an_answer_that_is_not_expected_ends_the_process(process, word, reason):
    process.send(word)
    with pytest.raises(UnexpectedAnswer, match=reason):
        process.receive(LIMIT, str)
    assert not process.is_alive()


def test_signals_to_a_group_of_processes_do_not_end_it(process):
    process.send("signals")
    assert process.receive(LIMIT, str) == "signals"


def test_a_stopped_process_no_longer_exists(process):
    process.stop()
    process.stop()
    assert not Path(f"/proc/{process.pid}").exists()
