"""`chorus doctor` on storage that Chorus cannot use."""

import json
from threading import Barrier

from chorus.common.settings import from_environment
from chorus.operations.doctor import examine
from storage.places.place import LocalPlace
from storage.places.retry import StorageUnavailable


def check_writable(tmp_path, capsys):
    """Return the finding of `root is writable`."""
    examine(from_environment({"CHORUS_HOME": str(tmp_path)}), as_json=True)
    findings = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
    return next(finding for finding in findings if finding["check"] == "root is writable")


def test_a_root_that_can_be_written_is_left_as_it_was(tmp_path, capsys):
    assert check_writable(tmp_path, capsys)["well"]
    assert list(tmp_path.iterdir()) == []


def test_storage_that_lets_a_file_be_created_twice_fails_the_check(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(LocalPlace, "create", lambda *_, **__: True)
    finding = check_writable(tmp_path, capsys)
    assert not finding["well"]
    assert "created that was there already" in finding["found"]


def test_unavailable_storage_is_a_finding(tmp_path, capsys, monkeypatch):
    def raise_unavailable(*_, **__):
        raise StorageUnavailable("gs://x", "503", 9, 60.0)

    monkeypatch.setattr(LocalPlace, "create", raise_unavailable)
    assert "Storage is unavailable" in check_writable(tmp_path, capsys)["found"]


def test_all_checks_wait_for_unavailable_storage_at_the_same_time(tmp_path, capsys, monkeypatch):
    barrier = Barrier(7, timeout=10)

    def raise_unavailable(*_, **__):
        barrier.wait()
        raise StorageUnavailable("gs://x", "503", 9, 60.0)

    monkeypatch.setattr(LocalPlace, "concurrency", 8)
    for operation in ("create", "names", "read"):
        monkeypatch.setattr(LocalPlace, operation, raise_unavailable)
    assert "Storage is unavailable" in check_writable(tmp_path, capsys)["found"]
