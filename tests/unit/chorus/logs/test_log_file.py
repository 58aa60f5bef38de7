"""Log files: full ones are put aside, and the lines of a job are found in all of them."""

import logging
import os
from itertools import pairwise

import pytest

from chorus.logs import log_file
from chorus.logs.line_format import JsonFormatter, TextFormatter
from chorus.logs.log_file import LogFile, is_descriptor_of, old_file
from chorus.logs.log_folder import LogFolder


def write(handler, message, seconds=0.0, **fields):
    """Write one line, so many seconds after a fixed time."""
    record = logging.makeLogRecord(
        {"name": "tasks", "levelname": "INFO", "msg": message, "created": 1.8e9 + seconds, **fields}
    )
    handler.handle(record)


@pytest.fixture
def log(tmp_path):
    """Make a handler on a file of this name."""

    def make(name, kind=TextFormatter, **options):
        handler = LogFile(tmp_path / "logs" / f"{name}.log", **options)
        handler.setFormatter(kind({}))
        return handler

    return make


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(log_file, "MAX_BYTES", 400)


def test_the_folder_is_made_when_the_first_line_is_written(log, tmp_path):
    handler = log("commands")
    assert not (tmp_path / "logs").exists()
    write(handler, "submitted", job="a")
    assert (tmp_path / "logs/commands.log").read_text().endswith("tasks submitted job=a\n")


@pytest.mark.usefixtures("small_files")
def test_a_full_file_is_put_aside_and_no_line_is_lost_by_several_writers(log, tmp_path):
    handlers = [log("mood"), log("mood")]
    for number in range(12):
        write(handlers[number % 2], f"line {number}", number, job="a")
    path = tmp_path / "logs/mood.log"
    kept = (old_file(path).read_text() + path.read_text()).splitlines()
    assert path.stat().st_size <= 500
    assert len(list(path.parent.iterdir())) == 2
    numbers = [int(line.split("line ")[1].split()[0]) for line in kept]
    assert numbers[-1] == 11
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))


@pytest.mark.usefixtures("small_files")
def test_the_output_of_a_child_moves_to_the_new_file(log, tmp_path):
    path = tmp_path / "logs/mood.log"
    path.parent.mkdir()
    child = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    assert is_descriptor_of(path, child)
    handler = log("mood", descriptor=child)
    for number in range(12):
        write(handler, f"line {number}", number)
    os.write(child, b"of a library\n")
    assert is_descriptor_of(path, child)
    assert path.read_text().endswith("of a library\n")
    os.close(child)


def test_a_folder_that_cannot_be_written_loses_lines_only(tmp_path):
    (tmp_path / "logs").write_text("a file")
    handler = LogFile(tmp_path / "logs" / "commands.log")
    handler.setFormatter(TextFormatter({}))
    write(handler, "submitted")


@pytest.mark.usefixtures("small_files")
def test_the_lines_of_a_job_are_found_in_the_order_of_time(log, tmp_path):
    control, mood = log("control"), log("mood", JsonFormatter)
    write(control, "first", 0, job="a")
    write(mood, "third", 2, job="a", rows=7)
    write(control, "second\nwith more", 1, job="a")
    write(control, "of another", 1, job="aa")
    write(control, "of none, though it names a", 1)
    folder = LogFolder(tmp_path / "logs", "a")
    assert [line.message for line in folder.read_lines()] == ["first", "second", "third"]
    assert folder.read_lines() == []

    for number in range(6):  # the file becomes another one meanwhile
        write(mood, f"later {number}", 3 + number, job="a")
        assert [line.message for line in folder.read_lines()] == [f"later {number}"]
    write(log("topics"), "of a new file", 9, job="a")
    assert [line.message for line in folder.read_lines()] == ["of a new file"]
    folder.close()


def test_a_warning_about_a_worker_of_the_job_is_found_between_the_lines_of_the_job(log, tmp_path):
    service, mood = log("up"), log("mood", JsonFormatter)
    ended = {"levelname": "WARNING", "worker": "mood-1"}
    write(service, "ended, long ago", 0, **ended)
    write(mood, "begins", 1, job="a", worker="mood-1")
    write(service, "ended unexpectedly", 2, **ended)
    write(service, "another ended", 2, levelname="WARNING", worker="mood-2")
    write(service, "nothing to do", 2, worker="mood-1")
    folder = LogFolder(tmp_path / "logs", "a")
    assert [line.message for line in folder.read_lines()] == ["begins"]
    write(mood, "begins again", 3, job="a", worker="mood-3")
    found = [line.message for line in folder.read_lines()]
    assert found == ["ended unexpectedly", "begins again"]
    folder.close()
