"""An upload that is stored in a dry run: the dataset is the same, and nothing is written."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.errors import UnreadableUpload
from storage.places.dry_run import DryRunPlace
from storage.places.place import Absent, LocalPlace, Place
from storage.records.feedback import Dataset, dataset_path, is_chunk, rejects_path
from storage.tables import decode_parquet
from tests.support.intake_files import files_below, upload


def csv(first: int, last: int) -> bytes:
    rows = [f"{number},text number {number}" for number in range(first, last)]
    return "\n".join(["id,text", *rows, "no id", ",no id either"]).encode()


def dry(place: Place) -> DryRunPlace:
    return DryRunPlace(place, is_read_again=lambda path: not is_chunk(path))


def store(place: Place, file: Path) -> Dataset:
    options = UploadOptions(str(file), "acme", chunk_rows=100)
    now = datetime(2026, 2, 1, tzinfo=UTC)
    return store_upload(place, options, io.BytesIO(), lambda _: None, lambda: now)


def test_a_dry_run_gives_the_dataset_that_is_stored_later_score_reuse_included(
    tmp_path: Path,
) -> None:
    upload(tmp_path, csv(0, 300), chunk_rows=100)
    before = files_below(tmp_path / "home")
    file = tmp_path / "new.csv"
    file.write_bytes(csv(150, 450))
    home = LocalPlace(tmp_path / "home")
    dry_place = dry(home)
    planned = store(dry_place, file)
    assert files_below(tmp_path / "home") == before
    rejects = decode_parquet(dry_place.read(rejects_path("acme", planned.id)))
    assert rejects["reason"].to_pylist() == ["wrong number of fields", "bad id"]
    assert sum(chunk.new or 0 for chunk in planned.chunks) == 150, "the others are in the old file"
    assert store(home, file) == planned
    assert store(dry(home), file) == planned, "it is stored now, and read from there"


def test_a_dry_run_refuses_what_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(b"id,text\n1,\n2,\n3,good\n")
    with pytest.raises(UnreadableUpload, match="2 of its 3 rows would be rejected"):
        store(dry(LocalPlace(tmp_path / "home")), file)
    assert not (tmp_path / "home").exists()


def test_files_of_a_dry_run_are_seen_with_those_that_exist_and_are_never_written(
    tmp_path: Path,
) -> None:
    home = LocalPlace(tmp_path)
    home.create("folder/old", b"old")
    place = dry(home)
    assert not place.create("folder/old", b"other")
    assert place.create("folder/new", b"new")
    assert place.create("folder/chunk-00000.parquet", b"many rows")
    place.replace("folder/sub/deep", b"deep")
    assert place.names("folder") == ["chunk-00000.parquet", "new", "old", "sub"]
    assert (place.read("folder/old"), place.read("folder/new")) == (b"old", b"new")
    assert place.read("folder/chunk-00000.parquet") == b"", "its content is not kept"
    with place.local_file("folder/new") as file:
        assert file.read_bytes() == b"new"
    place.remove("folder/old")
    place.clear("folder")
    assert place.names("folder") == ["old", "sub"], "files that exist stay"
    with pytest.raises(Absent):
        place.read("folder/new")
    assert files_below(tmp_path) == {"folder/old": b"old"}


def test_a_dry_run_does_not_touch_the_chunks_of_an_intake_that_was_killed(tmp_path: Path) -> None:
    dataset = upload(tmp_path, csv(0, 250), chunk_rows=100)
    home = LocalPlace(tmp_path / "home")
    home.remove(dataset_path("acme", dataset.id))
    before = files_below(tmp_path / "home")
    file = tmp_path / "again.csv"
    file.write_bytes(csv(0, 250))
    assert store(dry(home), file).id == dataset.id
    assert files_below(tmp_path / "home") == before
