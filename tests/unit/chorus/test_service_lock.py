"""The lock of the service with an embedded broker: one in a folder, found by other commands."""

import fcntl
import os
from threading import Event, Thread

import pytest

from chorus.service.service_lock import AlreadyRunning, announce_service, running_broker
from tasks.broker.broker_url import BrokerAddress

BROKER = BrokerAddress("redis+socket:///run/broker.sock")


def test_other_commands_find_the_broker_for_as_long_as_the_service_runs(tmp_path):
    assert running_broker(tmp_path / "run") is None
    with announce_service(tmp_path / "run", BROKER):
        assert running_broker(tmp_path / "run") == BROKER
    assert running_broker(tmp_path / "run") is None


def test_a_second_service_is_refused_with_the_process_of_the_first(tmp_path):
    with announce_service(tmp_path, BROKER):
        with (
            pytest.raises(AlreadyRunning, match=f"process {os.getpid()}") as caught,
            announce_service(tmp_path, BROKER),
        ):
            pytest.fail("a second service was not refused")
        assert caught.value.exit_status == 2
        assert running_broker(tmp_path) == BROKER


def test_a_command_that_checks_for_a_service_does_not_prevent_its_start(tmp_path):
    up, down = Event(), Event()

    def serve():
        with announce_service(tmp_path, BROKER):
            up.set()
            down.wait(60)

    service = Thread(target=serve)
    with (tmp_path / "service.json").open("a+") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        service.start()
        assert not up.wait(0.05)
    assert up.wait(60)
    down.set()
    service.join()
