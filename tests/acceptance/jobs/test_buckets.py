"""A job with its root in a bucket, through real workers, also while calls to storage fail."""

import io

import pyarrow.parquet as pq
import pytest

from storage.places.open_place import open_place
from storage.places.place import LocalPlace
from storage.records.jobs import read_job
from tests.acceptance.conftest import write_upload
from tests.support.models import small_models
from tests.support.runs.command import Command, with_site
from tests.support.runs.running_service import labelled_parts
from tests.support.runs.waiting import wait_until
from tests.support.servers.faulty_proxy import UNAVAILABLE

ROWS = [
    (f"r{number}", f"{'great' if number % 3 else 'awful'} delivery number {number}")
    for number in range(60)
]
FEW_ROWS = {"CHORUS_CHUNK_ROWS": "10"}
GIVE_UP_EARLY = """
from tests.support.models import light_model
light_model.install()
from storage.places import object_place
from storage.places.retry import RetryPolicy
object_place.RETRY_POLICY = RetryPolicy(give_up_after=1)
"""


@pytest.fixture(scope="module")
def upload_file(tmp_path_factory):
    return write_upload(tmp_path_factory.mktemp("upload") / "upload.csv", ROWS)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """A root on disk."""
    return with_model(LocalPlace(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def expected(on_disk, upload_file):
    """The labels of the job on disk."""
    return score(Command(on_disk.url, light=True, **FEW_ROWS), upload_file)


@pytest.fixture
def home(buckets, proxy):  # noqa: ARG001 — before the server
    """A root in a bucket, with the model of one customer."""
    return with_model(open_place(f"{buckets.new_bucket()}/team/home"))


@pytest.fixture
def chorus(home, buckets, proxy, tmp_path):
    """The command line on that root, through the proxy."""
    run = str(tmp_path / "run")
    return Command(
        home.url, light=True, CHORUS_RUN=run, **FEW_ROWS, **buckets.environment_for(proxy.url)
    )


def with_model(place):
    small_models.build_plain(place)
    return place


def score(chorus, upload, *options):
    """Return name of part → its rows, without their times."""
    ended = chorus("score", upload, "--customer", "plain", "--json", *options)
    assert ended.status == 0, ended.err
    assert "Traceback" not in ended.err, ended.err
    parts = labelled_parts(read_job(open_place(chorus.home), ended.json["job"]))
    return {
        name: pq.read_table(io.BytesIO(data)).drop_columns("scored_at").to_pylist()
        for name, data in parts.items()
    }


def test_a_job_in_a_bucket_has_the_labels_of_one_on_disk_while_a_tenth_of_all_calls_fail(
    chorus, proxy, upload_file, expected
):
    proxy.fail_share(0.1, seed=1)
    assert score(chorus, upload_file) == expected
    assert proxy.failed > 10
    assert len(expected) == 6


@pytest.mark.parametrize("buckets", ["gs"], indirect=True)
def test_a_job_of_a_root_on_disk_can_write_its_labels_to_a_bucket(
    buckets, bucket, on_disk, upload_file, expected
):
    chorus = Command(on_disk.url, light=True, **FEW_ROWS, **buckets.environment)
    assert score(chorus, upload_file, "--out", f"{bucket}/labels") == expected


@pytest.mark.parametrize("buckets", ["s3"], indirect=True)
def test_an_outage_longer_than_the_retries_fails_no_job(
    chorus, proxy, upload_file, expected, tmp_path
):
    def is_logged(words):
        return words in "".join(file.read_text() for file in (tmp_path / "run" / "logs").iterdir())

    chorus.env["PYTHONPATH"] = with_site(tmp_path, GIVE_UP_EARLY)
    with chorus.start("score", upload_file, "--customer", "plain", "--json") as process:
        try:
            wait_until(lambda: proxy.count("PUT", "/scores/"), "the first scores")
            proxy.fail_share(1, [UNAVAILABLE])
            wait_until(lambda: is_logged("is released"), "a step to be released")
            wait_until(
                lambda: is_logged("jobs are not reconciled now"), "the reconciler to give up"
            )
            assert process.poll() is None
            proxy.stop_failing()
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err.decode()
    assert score(chorus, upload_file) == expected


@pytest.mark.parametrize("buckets", ["gs"], indirect=True)
def test_a_command_reports_unavailable_storage(chorus, proxy, upload_file, tmp_path):
    chorus.env["PYTHONPATH"] = with_site(tmp_path, GIVE_UP_EARLY)
    proxy.fail_share(1, [UNAVAILABLE])
    ended = chorus("score", upload_file, "--customer", "plain", "--json")
    assert (ended.status, ended.json["status"]) == (1, "failed")
    assert "Storage is unavailable: gs://" in ended.json["error"]
    assert "Traceback" not in ended.err
