"""`chorus doctor` on storage that is not what Chorus needs."""

import json
from threading import Barrier

from chorus.common.settings import from_environment
from chorus.operations.doctor import examine
from storage.places.place import LocalPlace
from storage.places.retry import StorageUnavailable


def writable(tmp_path, capsys):
    """What it finds of the root."""
    examine(from_environment({"CHORUS_HOME": str(tmp_path)}), as_json=True)
    findings = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
    return next(finding for finding in findings if finding["check"] == "root is writable")


def test_a_root_that_can_be_written_is_left_as_it_was(tmp_path, capsys):
    assert writable(tmp_path, capsys)["well"]
    assert list(tmp_path.iterdir()) == []


def test_storage_that_lets_a_file_be_created_twice_is_found_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(LocalPlace, "create", lambda *_, **__: True)
    found = writable(tmp_path, capsys)
    assert not found["well"]
    assert "created that was there already" in found["found"]


def test_storage_that_is_away_is_one_of_its_findings(tmp_path, capsys, monkeypatch):
    def away(*_, **__):
        raise StorageUnavailable("gs://x", "503", 9, 60.0)

    monkeypatch.setattr(LocalPlace, "create", away)
    assert "Storage is unavailable" in writable(tmp_path, capsys)["found"]


def test_where_storage_is_away_it_waits_for_that_once(tmp_path, capsys, monkeypatch):
    together = Barrier(6, timeout=10)

    def away(*_, **__):
        together.wait()
        raise StorageUnavailable("gs://x", "503", 9, 60.0)

    monkeypatch.setattr(LocalPlace, "concurrency", 8)
    for operation in ("create", "names", "read"):
        monkeypatch.setattr(LocalPlace, operation, away)
    assert "Storage is unavailable" in writable(tmp_path, capsys)["found"]
