"""The root and the broker that the version before left: unpacked, restored, and compared.

tests/fixtures/make_root_before.py made both.
"""

import base64
import json
import tarfile

from tests.support.repository import REPOSITORY

FIXTURE = REPOSITORY / "tests/fixtures/root_before"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text())
BROKER = json.loads((FIXTURE / "broker.json").read_text())

# Fields whose values depend on the moment or on the machine. That they exist is compared.
_VOLATILE = {
    *("memory", "seconds", "device_seconds", "next", "next_utc"),
    *("first_part_seconds", "first_scores", "rows_per_second"),
}


def decode(text):
    return base64.b64decode(text)


def key_of(entry):
    """Return the key of an entry of the broker, without the root's prefix `chorus:<root id>:`."""
    return entry["key"].split(":", 2)[2]


def queued_messages():
    """Yield (task, arguments) of every message that waits in a queue."""
    for entry in BROKER:
        if entry["type"] == "list":
            yield from (_task(json.loads(decode(each))) for each in entry["value"])


def unacknowledged_messages():
    """Yield (task, arguments) of every message that a killed worker had taken."""
    [entry] = [entry for entry in BROKER if key_of(entry) == "unacked"]
    yield from (_task(json.loads(decode(each))[0]) for _, each in entry["value"])


def _task(message):
    _, arguments, _ = json.loads(base64.b64decode(message["body"]))
    return message["headers"]["task"], arguments


def restore_broker(redis):
    """Write every key of the broker with plain commands, as `redis-cli` could."""
    for entry in BROKER:
        key, value = entry["key"], entry["value"]
        if entry["type"] == "string":
            redis.set(key, decode(value))
        elif entry["type"] == "hash":
            redis.hset(key, mapping={decode(name): decode(field) for name, field in value})
        elif entry["type"] == "set":
            redis.sadd(key, *map(decode, value))
        elif entry["type"] == "zset":
            redis.zadd(key, {decode(member): score for member, score in value})
        else:
            redis.rpush(key, *map(decode, value))
        if entry["ttl"] > 0:
            redis.expire(key, entry["ttl"])


def unpack_root(folder):
    """Unpack the root below `folder` and return it.

    Jobs and manifests name their output absolutely, so the root's former place is replaced by its
    new one in these two kinds of files. Everything else is as the version before wrote it.
    """
    with tarfile.open(FIXTURE / "root.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    home = folder / "home"
    for record in [*home.glob("jobs/*/job.json"), *home.glob("labelled/*/*/_manifest.json")]:
        record.write_text(record.read_text().replace(EXPECTED["root"], str(home)))
    return home


def comparable(output, home):
    """Return a command's JSON output with fixed volatile values and the root's former place."""
    if isinstance(output, dict):
        return {
            name: "volatile" if name in _VOLATILE else comparable(value, home)
            for name, value in output.items()
        }
    if isinstance(output, list):
        return [comparable(each, home) for each in output]
    return output.replace(str(home), EXPECTED["root"]) if isinstance(output, str) else output


def contains(now, before):
    """Return whether `now` has every field of `before`, with its value; it may have new fields."""
    if isinstance(before, dict):
        return isinstance(now, dict) and all(
            name in now and contains(now[name], value) for name, value in before.items()
        )
    if isinstance(before, list):
        return len(now) == len(before) and all(map(contains, now, before))
    return now == before
