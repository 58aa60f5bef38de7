"""Uploads in buckets are read like local files, all or nothing."""

import gzip
import io
from dataclasses import replace
from pathlib import Path

import pytest

from chorus.common.settings import from_environment
from chorus.export.out_option import read_out
from chorus.uploads.prepare_jobs import UploadRequest, prepare_jobs
from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.errors import UnreadableUpload
from storage.places.allowlist import NotAllowed
from storage.places.dry_run import DryRunPlace
from storage.places.open_place import open_place
from storage.places.place import Absent, Changed, LocalPlace, UnknownScheme
from storage.places.retry import RetryPolicy
from storage.records.feedback import is_chunk, read_dataset
from tasks.jobs.remove_feedback import remove_feedback
from tests.support.servers.faulty_proxy import CUT, UNAVAILABLE

CSV = b"id,text\n" + b"".join(
    b"%d,great app number %d\n" % (number, number) for number in range(2000)
)


def stored_dataset(folder, path):
    return store_upload(
        LocalPlace(folder / "home"), UploadOptions(path, "acme"), io.BytesIO(), lambda _: None
    )


@pytest.fixture
def small_blocks(monkeypatch):
    """Read an upload in several blocks."""
    monkeypatch.setattr("storage.places.object_place.BLOCK_BYTES", 10_000)


@pytest.mark.parametrize(("name", "data"), [("in.csv", CSV), ("In.CSV.gz", gzip.compress(CSV))])
@pytest.mark.usefixtures("small_blocks")
def test_an_upload_in_a_bucket_becomes_the_same_dataset_as_a_local_file(
    bucket, tmp_path, name, data
):
    open_place(f"{bucket}/deep").create(name, data)
    (tmp_path / name).write_bytes(data)
    in_bucket = stored_dataset(tmp_path / "a", f"{bucket}/deep/{name}")
    local = stored_dataset(tmp_path / "b", str(tmp_path / name))
    without_time = {"taken_in": None}
    assert in_bucket.model_copy(update=without_time) == local.model_copy(update=without_time)
    assert (in_bucket.source.name, in_bucket.rows) == (name, 2000)


@pytest.mark.parametrize("path", ["missing.csv", "", "deep"])
def test_a_url_that_names_no_file_is_refused_with_the_url(bucket, tmp_path, path):
    open_place(f"{bucket}/deep").create("in.csv", CSV)
    with pytest.raises(UnreadableUpload, match=f"{bucket}/{path}"):
        stored_dataset(tmp_path, f"{bucket}/{path}")
    assert not (tmp_path / "home").exists()


def test_a_missing_bucket_is_refused(bucket, tmp_path):
    with pytest.raises(UnreadableUpload, match="no such bucket"):
        stored_dataset(tmp_path, f"{bucket}-not/in.csv")


def test_unknown_schemes_are_refused(tmp_path):
    with pytest.raises(UnknownScheme):
        stored_dataset(tmp_path, "ftp://host/in.csv")


def test_a_file_url_is_the_file(tmp_path):
    (tmp_path / "in.csv").write_bytes(CSV)
    assert stored_dataset(tmp_path, f"file://{tmp_path}/in.csv").source.name == "in.csv"


class ChangeAfterFirstBlock(io.BytesIO):
    """A file that changes the object in the bucket when the first block arrives."""

    def __init__(self, change):
        super().__init__()
        self._change = change

    def write(self, data):
        if self._change is not None:
            self._change()
            self._change = None
        return super().write(data)


@pytest.mark.usefixtures("small_blocks")
def test_an_object_that_changes_while_it_is_read_is_an_error(bucket):
    place = open_place(bucket)
    for change in (
        lambda: place.replace("in.csv", CSV.replace(b"great", b"awful")),
        lambda: place.replace("in.csv", CSV[:100]),
        lambda: place.remove("in.csv"),
    ):
        place.replace("in.csv", CSV)
        with pytest.raises(Changed):
            place.copy_to("in.csv", ChangeAfterFirstBlock(change))
    with pytest.raises(Absent):
        place.copy_to("in.csv", io.BytesIO())


@pytest.mark.usefixtures("small_blocks")
def test_a_block_that_fails_is_requested_again(proxy, buckets, monkeypatch):
    monkeypatch.setattr(
        "storage.places.object_place.RETRY_POLICY", RetryPolicy(first_wait=0.01, longest_wait=0.01)
    )
    place = open_place(buckets.new_bucket())
    place.create("in.csv", CSV)
    for fault in (UNAVAILABLE, CUT):
        proxy.fail_next(2, fault, "GET", "in.csv")
    file = io.BytesIO()
    place.copy_to("in.csv", file)
    assert (file.getvalue(), proxy.failed) == (CSV, 4)


def upload_request(file, out=None):
    rest = dict.fromkeys(("id_column", "encoding", "format_", "sheet", "deadline"))
    names = (
        "join_text",
        "no_id",
        "allow_duplicates",
        "force",
        "no_text",
        "keep_columns",
        "as_json",
    )
    flags = dict.fromkeys(names, False)
    fixed = {"customer": "acme", "priority": "bulk", "texts": ()}
    return UploadRequest(file=file, out=out, **fixed, **rest, **flags)


def test_only_allowed_places_can_be_named_and_others_are_refused_before_anything_is_stored(
    tmp_path,
):
    (tmp_path / "in").mkdir()
    settings = replace(
        from_environment({"CHORUS_HOME": str(tmp_path / "home")}),
        allowed_places=(str(tmp_path / "in"), "gs://acme/in"),
    )
    inside, place = str(tmp_path / "in/in.csv"), LocalPlace(Path(settings.home))
    for file, out in (
        (str(tmp_path / "in.csv"), None),
        (f"{tmp_path}/in/../in.csv", None),
        ("gs://acme/in.csv", None),
        (inside, str(tmp_path / "home")),
        ("-", "gs://acme/in-2"),
        ("-", "s3://acme/in"),
    ):
        request = upload_request(file, out)
        with pytest.raises(NotAllowed, match="gs://acme/in"):
            prepare_jobs(settings, place, request, read_out(settings, out))
    assert not Path(settings.home).exists()


def test_a_dry_run_on_a_root_in_a_bucket_leaves_nothing_in_it(bucket, tmp_path):
    root = open_place(bucket)
    (tmp_path / "in.csv").write_bytes(CSV)
    place = DryRunPlace(root, is_read_again=lambda path: not is_chunk(path))
    options = UploadOptions(str(tmp_path / "in.csv"), "acme")
    dataset = store_upload(place, options, io.BytesIO(), lambda _: None)
    assert read_dataset(place, "acme", dataset.id) == dataset
    assert root.names("") == []
    assert store_upload(root, options, io.BytesIO(), lambda _: None).id == dataset.id
    remove_feedback(root, "acme", dataset.id)
    assert root.names("feedback/acme") == []
    assert root.names("sketches/acme") == []
