"""The file of an export: whole or not at all, and no file of somebody else is written over."""

from pathlib import Path

import pytest

from storage.places.place import CannotWrite, LocalPlace
from storage.records.exported_files import ExportedFile, read_exported, write_exported
from tasks.export import destination
from tasks.export.destination import FileTaken, NotWritable, claim_file, write_whole_file


@pytest.fixture
def place(tmp_path):
    return LocalPlace(tmp_path / "home")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "out" / "labels.csv"


def export(place, file, text, job="job1"):
    write_whole_file(place, str(file), [job], lambda new: new.write_text(text))


def test_what_chorus_wrote_is_written_over(place, file):
    export(place, file, "one")
    export(place, file, "two", job="job2")
    assert file.read_text() == "two"
    assert read_exported(place, str(file)).jobs == ("job2",)
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_file_of_somebody_else_is_not_written_over_without_force(place, file):
    file.parent.mkdir()
    file.write_text("mine")
    with pytest.raises(FileTaken, match="--force"):
        claim_file(place, str(file), force=False)
    with pytest.raises(FileTaken):
        export(place, file, "labels")
    assert file.read_text() == "mine"
    claim_file(place, str(file), force=True)
    export(place, file, "labels")
    assert file.read_text() == "labels"


def test_a_file_that_was_changed_since_is_somebody_elses(place, file):
    export(place, file, "labels")
    claim_file(place, str(file), force=False)
    file.write_text("labels with my notes")
    with pytest.raises(FileTaken):
        claim_file(place, str(file), force=False)
    with pytest.raises(FileTaken):
        export(place, file, "labels")


def test_an_error_while_writing_leaves_the_file_as_it_was(place, file):
    export(place, file, "labels")

    def fail(new):
        new.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_whole_file(place, str(file), ["job1"], fail)
    assert file.read_text() == "labels"
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_full_disk_is_an_error_that_names_the_file(place, file):
    def fail(_):
        raise OSError(28, "No space left on device")

    with pytest.raises(CannotWrite, match=r"labels\.csv.*No space left"):
        write_whole_file(place, str(file), ["job1"], fail)
    assert not file.exists()


@pytest.mark.parametrize("crash", [1, 2], ids=["before the move", "after the move"])
def test_after_a_crash_the_same_export_completes(place, file, monkeypatch, crash):
    export(place, file, "before")
    calls = []

    def crash_in_time(place, exported: ExportedFile):
        if crash == 2 and not calls:
            calls.append(exported)
            write_exported(place, exported)
            return
        if crash == 1:
            write_exported(place, exported)
        raise KeyboardInterrupt

    monkeypatch.setattr(destination, "write_exported", crash_in_time)
    with pytest.raises(KeyboardInterrupt):
        export(place, file, "after")
    monkeypatch.undo()
    assert file.read_text() == ("before" if crash == 1 else "after")
    assert read_exported(place, str(file)).jobs == ()
    claim_file(place, str(file), force=False)
    export(place, file, "after")
    assert (file.read_text(), read_exported(place, str(file)).jobs) == ("after", ("job1",))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent/labels.csv", "absent does not exist"),
        ("blocked/labels.csv", "blocked does not exist"),
        (f"{'n' * 300}.csv", "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(place, tmp_path, name, reason):
    (tmp_path / "blocked").write_text("no folder")
    with pytest.raises(NotWritable, match=reason):
        claim_file(place, str(tmp_path / name), force=True)
    assert [each.name for each in tmp_path.iterdir()] == ["blocked"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
def test_a_folder_that_takes_no_file_is_refused_also_for_an_administrator(place):
    with pytest.raises(NotWritable, match=r"/proc/labels\.csv"):
        claim_file(place, "/proc/labels.csv", force=False)


def test_a_check_leaves_a_folder_as_it_was(place, tmp_path):
    (tmp_path / "out").mkdir()
    claim_file(place, str(tmp_path / "out" / "labels.csv"), force=False)
    assert [*(tmp_path / "out").iterdir()] == []
