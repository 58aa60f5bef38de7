"""A root and a broker that version 0.1 left behind go on working.

`tests/fixtures/make_root_before.py` made them with the last commit before the code moved into
sub-packages: a job in the middle whose worker was killed, messages that were never acknowledged, a
done job, a cancelled one, a reprocess run, aliases with a history.
"""

import base64
import json
import tarfile
from hashlib import sha256

import click
import pyarrow.parquet as pq
import pytest

from chorus.cli import main
from chorus.common.settings_table import SETTINGS
from tasks.board.keys import BOARD_KEYS, KOMBU_KEYS
from tasks.broker import step_messages
from tests.support.repository import REPOSITORY
from tests.support.runs.command import Command
from tests.support.runs.waiting import wait_until

FIXTURE = REPOSITORY / "tests/fixtures/root_before"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text())
BROKER = json.loads((FIXTURE / "broker.json").read_text())
PREFIX_PARTS = 2  # of a key: chorus:<home id>:

COMMANDS = EXPECTED["commands"]
# What depends on the moment or on the machine.
VOLATILE = {
    *("cores", "memory", "seconds", "correction", "measured", "device_seconds", "wakes", "service"),
    *("next", "next_utc", "settled_until", "first_part_seconds", "first_scores", "rows_per_second"),
}


def decoded(text):
    return base64.b64decode(text)


def restore(redis):
    """Write every key of the broker with plain commands, as `redis-cli` could."""
    for each in BROKER:
        key, value = each["key"], each["value"]
        if each["type"] == "string":
            redis.set(key, decoded(value))
        elif each["type"] == "hash":
            redis.hset(key, mapping={decoded(name): decoded(one) for name, one in value})
        elif each["type"] == "set":
            redis.sadd(key, *map(decoded, value))
        elif each["type"] == "zset":
            redis.zadd(key, {decoded(member): score for member, score in value})
        else:
            redis.rpush(key, *map(decoded, value))
        if each["ttl"] > 0:
            redis.expire(key, each["ttl"])


def unpack(folder):
    """Unpack the root; job.json names its output absolutely, so that place is written anew."""
    with tarfile.open(FIXTURE / "root.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    home = folder / "home"
    for record in [*home.glob("jobs/*/job.json"), *home.glob("labelled/*/*/_manifest.json")]:
        record.write_text(record.read_text().replace(EXPECTED["root"], str(home)))
    return home


def stable(output, home):
    """A command's JSON output without what depends on the moment, as the fixture's root says it."""
    if isinstance(output, dict):
        return {name: stable(value, home) for name, value in output.items() if name not in VOLATILE}
    if isinstance(output, list):
        return [stable(each, home) for each in output]
    return output.replace(str(home), EXPECTED["root"]) if isinstance(output, str) else output


def holds(now, before):
    """Whether `now` has every field of `before`, with its value; new fields may stand beside."""
    if isinstance(before, dict):
        return all(name in now and holds(now[name], value) for name, value in before.items())
    if isinstance(before, list):
        return len(now) == len(before) and all(map(holds, now, before))
    return now == before


@pytest.fixture(scope="module")
def finished(broker, tmp_path_factory):
    """The open job, finished by today's workers on the restored broker."""
    home = unpack(tmp_path_factory.mktemp("before"))
    stored = {path: path.stat().st_mtime_ns for path in home.glob("scores/*/*/*")}
    with broker.client() as redis:
        redis.flushall()
        restore(redis)
    service = Command(home, CHORUS_BROKER_URL=broker.url, CHORUS_CHUNK_ROWS="2")
    workers = [["--control"], ["--model", "mood-bow"], ["--model", "topics-bow"]]
    processes = [service.start("worker", *each) for each in workers]
    try:
        wait_until(
            lambda: service.here("status", EXPECTED["open"], "--json").json["status"] == "done",
            "the open job to end",
            100,
        )
        for process in processes:
            process.terminate()
        for process in processes:
            _, err = process.communicate(timeout=60)
            assert process.returncode == 0, err.decode()
    finally:
        for process in processes:
            process.kill()
    return Command(home), stored


def test_a_job_in_the_middle_ends_with_the_same_bytes(finished):
    command, _ = finished
    folder = command.home / f"labelled/customer=plain/job={EXPECTED['open']}"
    parts = sorted(folder.glob("part-*"))
    assert {part.name: sha256(part.read_bytes()).hexdigest() for part in parts} == EXPECTED["parts"]
    ids = [id_ for part in parts for id_ in pq.read_table(part)["id"].to_pylist()]
    assert sorted(ids) == sorted(f"o{number}" for number in range(14))


def test_scores_that_were_stored_are_not_scored_again(finished):
    _, stored = finished
    assert len(stored) > 10
    assert {path: path.stat().st_mtime_ns for path in stored} == stored


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_reads_the_old_root_and_prints_the_same_json(finished, name):
    command, _ = finished
    output = stable(command.here(*COMMANDS[name]).json, command.home)
    assert holds(output, stable(EXPECTED["outputs"][name], command.home)), output


@pytest.mark.parametrize("job", ["done", "cancelled", "open"])
def test_status_of_the_old_jobs_is_the_same(finished, job):
    command, _ = finished
    output = stable(command.here("status", EXPECTED[job], "--json").json, command.home)
    assert holds(output, stable(EXPECTED["status"][EXPECTED[job]], command.home)), output


def test_old_and_new_labels_are_compared(finished):
    command, _ = finished
    compared = command.here("diff", EXPECTED["done"], EXPECTED["open"], "--json").json
    assert holds(compared, EXPECTED["diff"]), compared


def test_old_feedback_is_labelled_again_under_another_champion(tmp_path):
    home = unpack(tmp_path)
    command = Command(home)
    assert command.here("ensembles", "rollback", "plain").status == 0
    assert command.here("models", "promote", "mood-bow", "2", "--force").status == 0
    first, second = (set(home.glob(f"scores/mood-bow/{version}/*")) for version in (1, 2))
    ended = command("reprocess", "--customer", "plain", "--json")
    assert ended.status == 0, ended.err
    assert set(home.glob("scores/mood-bow/1/*")) == first
    assert set(home.glob("scores/mood-bow/2/*")) > second
    labels = command.here("labels", "--customer", "plain", "--json").json["labels"]
    assert {label["models"]["mood-bow"] for label in labels} == {2}
    assert len(labels) == 3


def test_every_key_of_the_old_broker_is_in_the_table():
    for each in BROKER:
        key = each["key"].split(":", PREFIX_PARTS)[PREFIX_PARTS]
        kinds = [kind for kind in (*BOARD_KEYS, *KOMBU_KEYS) if kind.matches(key)]
        assert [kind.type for kind in kinds] == [each["type"]], key


def test_celery_tasks_keep_their_names():
    names = {
        message.name
        for message in vars(step_messages).values()
        if isinstance(message, type) and hasattr(message, "step")
    }
    assert names == {f"chorus.{step}" for step in ("score", "reduce", "finish", "results", "look")}


def options_of(command, path=()):
    options = {}
    for name, each in getattr(command, "commands", {}).items():
        options |= options_of(each, (*path, name))
    options[" ".join(path)] = {
        option
        for each in command.params
        if isinstance(each, click.Option)
        for option in (*each.opts, *each.secondary_opts)
    }
    return options


def test_every_command_and_option_is_still_there(tmp_path):
    assert Command(tmp_path).here("--help").status == 0
    today = options_of(main.chorus)
    lost = {
        name: set(options) - today.get(name, set())
        for name, options in EXPECTED["options"].items()
        if set(options) - today.get(name, set()) or name not in today
    }
    assert lost == {}


def test_every_setting_is_still_there():
    assert {each.name for each in SETTINGS} >= set(EXPECTED["settings"])


def test_every_metric_is_still_there():
    source = (REPOSITORY / "workers/control/prometheus.py").read_text()
    assert [name for name in EXPECTED["metrics"] if f'"{name}"' not in source] == []
