"""The keys that a service with a job leaves in Redis: each has exactly one entry in the table."""

import shutil

import pytest

from tasks.board.keys import BOARD_KEYS, KOMBU_KEYS, key_prefix
from tests.support.runs.command import Command
from tests.support.runs.running_service import running_service


def entries_of(name):
    return [key for key in (*BOARD_KEYS, *KOMBU_KEYS) if key.matches(name)]


@pytest.fixture(scope="module")
def service(registry, tmp_path_factory):
    home = tmp_path_factory.mktemp("keys") / "home"
    shutil.copytree(registry, home)
    with running_service(Command(home, light=True)) as up:
        yield up


def test_every_key_of_a_running_service_is_in_the_table(service):
    job = service.submit("plain", ["great", "awful", "fine", "bad"], 2)
    service.wait_for(job)
    client, prefix = service.context.board.redis, key_prefix(service.place)
    names = [name.decode() for name in client.scan_iter("*")]
    assert len(names) > 10
    for name in names:
        assert name.startswith(prefix), "two roots can share one Redis"
        entries = entries_of(name.removeprefix(prefix))
        assert len(entries) == 1, (name, entries)
        type_ = client.type(name).decode()
        assert type_ in (entries[0].type, "none"), name  # none: it has expired since
        if "heartbeat" in entries[0].expiry and type_ != "none":
            assert client.ttl(name) <= 30
