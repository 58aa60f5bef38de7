"""What `--out` names: a file by the end of its name, else a folder."""

from pathlib import Path

import pytest

from chorus.common.settings import from_environment
from chorus.export.out_option import OutOption, UnknownFileFormat, absolute_url, read_out


@pytest.fixture
def settings(monkeypatch, tmp_path):
    monkeypatch.setenv("CHORUS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return from_environment()


@pytest.mark.parametrize("name", ["labels.csv", "Labels.XLSX", "new/labels.jsonl", "a.parquet"])
def test_a_name_with_the_end_of_a_format_is_a_file(settings, tmp_path, name):
    assert read_out(settings, name) == OutOption(file=str(tmp_path / name))
    assert read_out(settings, str(tmp_path / name)) == OutOption(file=str(tmp_path / name))


def test_another_name_or_an_existing_folder_is_a_folder(settings):
    Path("labels.csv").mkdir()
    for name in ("labels", "out/may.2026", "labels.csv"):
        assert read_out(settings, name) == OutOption(folder=name)
    assert read_out(settings, None) == OutOption()


@pytest.mark.parametrize("name", ["labels.xls", "labels.csv.gz", "labels.json", "labels.tsv"])
def test_the_name_of_another_kind_of_file_makes_no_folder(settings, name):
    with pytest.raises(UnknownFileFormat, match=r"\.csv, \.xlsx, \.jsonl, \.parquet"):
        read_out(settings, name)


def test_a_file_has_one_name_however_it_is_reached(settings, tmp_path):
    assert settings.home
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    names = ["real/a.csv", "link/a.csv", "link/../real/a.csv", f"file://{tmp_path}/real/a.csv"]
    assert {absolute_url(name) for name in names} == {str(tmp_path / "real" / "a.csv")}
    assert absolute_url("gs://acme/out/a.csv") == "gs://acme/out/a.csv"
