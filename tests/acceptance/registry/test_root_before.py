"""A root and a broker that the version before left go on working.

The last commit before the code moved into sub-packages left them: an open job with some cells
scored, some parts written and messages in the queues, whose workers and control worker were killed;
done jobs, a cancelled one, two runs, a batch of messages, aliases with a history.
"""

from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from storage.places.place import LocalPlace
from tasks.board.board import Board
from tasks.board.keys import key_prefix
from tasks.board.message_dedup import MessageDedup
from tests.support.root_before import (
    BROKER,
    EXPECTED,
    comparable,
    contains,
    decode,
    key_of,
    queued_messages,
    restore_broker,
    unpack_root,
)
from tests.support.runs.command import Command
from tests.support.runs.waiting import wait_until

MODELS = ("mood-bow", "topics-bow")
TEXTS, CHUNKS = 48, 24  # of the open job
CENTURY = 100 * 365 * 24 * 3600  # seconds
[EPOCH] = [decode(entry["value"]) for entry in BROKER if key_of(entry) == "epoch"]


def with_two_cores(home, **settings):
    return Command(home, CHORUS_CORES="2", **settings)


def score_files_of_queued_cells():
    for name, cell in queued_messages():
        if name == "chorus.score":
            yield f"scores/{cell['model']}/{cell['version']}/{cell['chunk']}.arrow"


def stop(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()


@pytest.fixture(scope="module")
def finished(broker, tmp_path_factory):
    """The open job, finished by today's workers on the restored broker."""
    home = unpack_root(tmp_path_factory.mktemp("before"))
    toml = home / "chorus.toml"  # without its schedule, whose next time will come one day
    toml.write_text(toml.read_text().partition("[[schedule]]")[0])
    stored = {path: path.stat().st_mtime_ns for path in home.glob("scores/*/*/*")}
    queued = {home / path for path in score_files_of_queued_cells()}
    assert queued - set(stored)
    service = with_two_cores(home, CHORUS_BROKER_URL=broker.url, CHORUS_CHUNK_ROWS="2")
    with broker.client() as redis:
        redis.flushall()
        restore_broker(redis)
        board = Board(redis, key_prefix(LocalPlace(home)))
        processes = [service.start("worker", "--model", model) for model in MODELS]
        try:
            # Without a control worker, these have no messages but the old ones.
            wait_until(lambda: all(path.exists() for path in queued), "the queued cells' scores")
            processes.append(service.start("worker", "--control"))
            wait_until(
                lambda: service.here("status", EXPECTED["open"], "--json").json["status"] == "done",
                "the open job to end",
                100,
            )
            stop(processes)
        finally:
            for process in processes:
                process.kill()
        yield SimpleNamespace(
            home=home,
            board=board,
            stored=stored,
            service=service,
            command=with_two_cores(home),
            epoch=board.epoch(),
        )


def test_the_open_job_ends_with_the_bytes_of_an_undisturbed_run(finished):
    folder = finished.home / f"labelled/customer=plain/job={EXPECTED['open']}"
    parts = sorted(folder.glob("part-*"))
    assert {part.name: sha256(part.read_bytes()).hexdigest() for part in parts} == EXPECTED["parts"]
    ids = [id_ for part in parts for id_ in pq.read_table(part)["id"].to_pylist()]
    assert sorted(ids) == sorted(f"o{number}" for number in range(TEXTS))


def test_stored_scores_are_not_scored_again(finished):
    assert {path: path.stat().st_mtime_ns for path in finished.stored} == finished.stored
    scored = {*finished.home.glob("scores/*/*/*")} - set(finished.stored)
    assert 0 < len(scored) < len(MODELS) * CHUNKS
    others = 3 + 1  # chunks: of the first upload, and a batch of messages
    assert len([*finished.home.glob("scores/*/1/*")]) == len(MODELS) * (CHUNKS + others)


def test_the_board_is_continued_and_not_rebuilt(finished):
    assert finished.epoch == EPOCH


def test_a_message_of_the_version_before_is_not_labelled_twice(finished):
    dedup = MessageDedup(LocalPlace(finished.home), finished.board, CENTURY)
    owners = dedup.claim("plain", "another", [*EXPECTED["messages"], "new"], datetime.now(UTC))
    assert owners == [EXPECTED["batch"]] * len(EXPECTED["messages"]) + ["another"]


def test_a_stored_message_is_not_labelled_twice_if_redis_has_lost_its_claim(finished):
    without_claims = Board(finished.board.redis, "chorus:lost:")
    dedup = MessageDedup(LocalPlace(finished.home), without_claims, CENTURY)
    owners = dedup.claim("plain", "another", EXPECTED["messages"], datetime.now(UTC))
    assert owners == [EXPECTED["batch"]] * len(EXPECTED["messages"])


@pytest.mark.parametrize("name", EXPECTED["commands"])
def test_a_command_reads_the_old_root_and_prints_the_same_json(finished, name):
    output = finished.command.here(*EXPECTED["commands"][name]).json
    expect_output(output, EXPECTED["outputs"][name], finished.home)


@pytest.mark.parametrize("job", ["done", "cancelled", "open"])
def test_the_status_of_an_old_job_is_the_same(finished, job):
    output = finished.command.here("status", EXPECTED[job], "--json").json
    expect_output(output, EXPECTED["status"][EXPECTED[job]], finished.home)


def test_the_status_of_the_service_is_the_same(finished):
    output = finished.service.here("status", "--json").json
    expect_output(output, EXPECTED["outputs"]["status"], finished.home)


@pytest.mark.parametrize("pair", EXPECTED["diffs"], ids=["jobs", "runs"])
def test_old_jobs_and_old_runs_are_compared_with_the_same_result(finished, pair):
    output = finished.command.here("diff", *pair.split(), "--json").json
    expect_output(output, EXPECTED["diffs"][pair], finished.home)


def test_a_schedule_of_the_old_root_has_its_last_run(tmp_path):
    home = unpack_root(tmp_path)
    output = with_two_cores(home).here("schedule", "list", "--json").json
    expect_output(output, EXPECTED["outputs"]["schedule"], home)


def test_a_new_upload_reuses_scores_of_the_old_root(tmp_path):
    home = unpack_root(tmp_path)
    upload = tmp_path / "again.csv"
    upload.write_text(EXPECTED["again"])
    command = with_two_cores(home, CHORUS_CHUNK_ROWS="100")
    output = command.here("plan", upload, "--customer", "plain", "--json").json
    expect_output(output, EXPECTED["outputs"]["plan again"], home)


def test_old_feedback_is_labelled_again_under_another_champion(tmp_path):
    home = unpack_root(tmp_path)
    command = with_two_cores(home)
    assert command.here("ensembles", "rollback", "plain").status == 0
    assert command.here("models", "promote", "mood-bow", "2", "--force").status == 0
    before = {path: path.stat().st_mtime_ns for path in home.glob("scores/*/*/*")}
    ended = command("reprocess", "--customer", "plain", "--json")
    assert ended.status == 0, ended.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {*home.glob("scores/mood-bow/2/*")} - set(before)
    labels = command.here("labels", "--customer", "plain", "--json").json["labels"]
    assert {label["models"]["mood-bow"] for label in labels} == {2}
    assert {label["ensemble"] for label in labels} == {"plain 1"}
    assert len(labels) == len([*home.glob("feedback/plain/*")])


def expect_output(output, before, home):
    """Assert that a command printed every field of `before`, with its value."""
    now, before = comparable(output, home), comparable(before, home)
    assert contains(now, before), now
