"""Uploads that lie in buckets: read like files of this machine, whole or not at all."""

import gzip
import io
from dataclasses import replace
from pathlib import Path

import pytest

from chorus.common.settings import from_environment
from chorus.jobs.upload_request import UploadRequest, describe
from intake.dataset.upload import UploadOptions, store_upload
from intake.errors import UnreadableUpload
from storage.places.allowlist import NotAllowed
from storage.places.open_place import open_place
from storage.places.place import Absent, Changed, LocalPlace, UnknownScheme
from storage.places.retry import RetryPolicy
from tests.support.servers.faulty_proxy import CUT, UNAVAILABLE

CSV = b"id,text\n" + b"".join(
    b"%d,great app number %d\n" % (number, number) for number in range(2000)
)


def taken_in(folder, path):
    return store_upload(
        LocalPlace(folder / "home"), UploadOptions(path, "acme"), io.BytesIO(), lambda _: None
    )


@pytest.fixture
def small_blocks(monkeypatch):
    """An upload of several."""
    monkeypatch.setattr("storage.places.object_place.BLOCK", 10_000)


@pytest.mark.parametrize(("name", "data"), [("in.csv", CSV), ("In.CSV.gz", gzip.compress(CSV))])
@pytest.mark.usefixtures("small_blocks")
def test_an_upload_in_a_bucket_becomes_the_dataset_that_the_same_file_here_becomes(
    bucket, tmp_path, name, data
):
    open_place(f"{bucket}/deep").create(name, data)
    (tmp_path / name).write_bytes(data)
    found, here = (
        taken_in(tmp_path / "a", f"{bucket}/deep/{name}"),
        taken_in(tmp_path / "b", str(tmp_path / name)),
    )
    assert found.model_copy(update={"taken_in": None}) == here.model_copy(update={"taken_in": None})
    assert (found.source.name, found.rows) == (name, 2000)


@pytest.mark.parametrize("path", ["missing.csv", "", "deep"])
def test_what_is_no_file_in_a_bucket_is_refused_with_its_address(bucket, tmp_path, path):
    open_place(f"{bucket}/deep").create("in.csv", CSV)
    with pytest.raises(UnreadableUpload, match=f"{bucket}/{path}"):
        taken_in(tmp_path, f"{bucket}/{path}")
    assert not (tmp_path / "home").exists()


def test_a_bucket_that_is_not_there_is_refused(bucket, tmp_path):
    with pytest.raises(UnreadableUpload, match="no such bucket"):
        taken_in(tmp_path, f"{bucket}-not/in.csv")


def test_schemes_that_are_unknown_are_refused(tmp_path):
    with pytest.raises(UnknownScheme):
        taken_in(tmp_path, "ftp://host/in.csv")


def test_a_file_url_is_the_file(tmp_path):
    (tmp_path / "in.csv").write_bytes(CSV)
    assert taken_in(tmp_path, f"file://{tmp_path}/in.csv").source.name == "in.csv"


class Meddled(io.BytesIO):
    """Somebody does something to the object when its first block has come."""

    def __init__(self, meddle):
        super().__init__()
        self._meddle = meddle

    def write(self, data):
        if self._meddle is not None:
            self._meddle()
            self._meddle = None
        return super().write(data)


@pytest.mark.usefixtures("small_blocks")
def test_an_object_that_changes_while_it_is_read_is_noticed(bucket):
    place = open_place(bucket)
    for meddle in (
        lambda: place.replace("in.csv", CSV.replace(b"great", b"awful")),
        lambda: place.replace("in.csv", CSV[:100]),
        lambda: place.remove("in.csv"),
    ):
        place.replace("in.csv", CSV)
        with pytest.raises(Changed):
            place.copy_to("in.csv", Meddled(meddle))
    with pytest.raises(Absent):
        place.copy_to("in.csv", io.BytesIO())


@pytest.mark.usefixtures("small_blocks")
def test_a_block_that_fails_is_asked_for_again(proxy, buckets, monkeypatch):
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


def asked(file, out=None):
    rest = dict.fromkeys(("text", "id_column", "encoding", "format_", "deadline"))
    flags = dict.fromkeys(("no_text", "keep_columns", "as_json"), False)
    return UploadRequest(file=file, customer="acme", out=out, priority="bulk", **rest, **flags)


def test_only_allowed_places_can_be_named_and_nothing_is_done_before(tmp_path):
    (tmp_path / "in").mkdir()
    settings = replace(
        from_environment({"CHORUS_HOME": str(tmp_path / "home")}),
        allowed_places=(str(tmp_path / "in"), "gs://acme/in"),
    )
    inside = str(tmp_path / "in/in.csv")
    for file, out in (
        (str(tmp_path / "in.csv"), None),
        (f"{tmp_path}/in/../in.csv", None),
        ("gs://acme/in.csv", None),
        (inside, str(tmp_path / "home")),
        ("-", "gs://acme/in-2"),
        ("-", "s3://acme/in"),
    ):
        with pytest.raises(NotAllowed, match="gs://acme/in"):
            describe(settings, LocalPlace(Path(settings.home)), asked(file, out), None)
    assert not Path(settings.home).exists()
