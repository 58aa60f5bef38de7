"""Messages through `chorus up` and back, with examples/main_app.py as the main application."""

import os
import socket
import subprocess
import sys
import urllib.request
from urllib.error import URLError

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from chorus.common.settings import from_environment
from chorus.service.up import up
from intake.messages.client import PubSubNotInstalled
from tests.support.repository import REPOSITORY
from tests.support.runs.command import Command
from tests.support.runs.running_service import has_ended, running_service
from tests.support.runs.waiting import wait_until
from tests.support.servers.pubsub_server import pubsub_process

EXAMPLE = REPOSITORY / "examples" / "main_app.py"
NAMES = {
    "CHORUS_SUBSCRIPTION": "projects/p/subscriptions/feedback",
    "CHORUS_RESULTS_TOPIC": "projects/p/topics/labels",
}
FEEDBACK = "projects/p/topics/feedback"


@pytest.fixture
def pubsub(monkeypatch):
    with pubsub_process() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        yield server


def create():
    with PublisherClient() as publisher, SubscriberClient() as subscriber:
        for topic in (FEEDBACK, NAMES["CHORUS_RESULTS_TOPIC"]):
            publisher.create_topic(name=topic)
        subscriber.create_subscription(name=NAMES["CHORUS_SUBSCRIPTION"], topic=FEEDBACK)


def published_and_labelled(*texts):
    """Run the example, and return the lines that it prints, sorted."""
    environment = {**os.environ, **NAMES}
    done = subprocess.run(
        [sys.executable, EXAMPLE, *texts],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.splitlines())


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def finding(chorus, check):
    ended = chorus.here("doctor", "--json")
    assert ended.out, ended.err
    [result] = [each for each in ended.json["findings"] if each["check"] == check]
    return result


def test_the_main_application_gets_its_labels_although_the_bridge_waits_and_is_killed(home, pubsub):
    where = f"127.0.0.1:{free_port()}"
    chorus = Command(
        home, light=True, PUBSUB_EMULATOR_HOST=pubsub.address, CHORUS_GATHER_MS="20", **NAMES
    )

    def metrics():
        try:
            with urllib.request.urlopen(f"http://{where}/metrics") as answer:
                lines = answer.read().decode().splitlines()
        except URLError:
            return {}
        samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name.partition("{bridge=")[0]: value for name, _, value in samples}

    with running_service(chorus, "--metrics", where) as up:
        wait_until(
            lambda: metrics().get("chorus_bridge_up") == "0.0",
            "a bridge that has nothing to pull from",
        )
        found = finding(chorus, "messages")
        assert not found["well"]
        assert "has waited since" in found["found"]
        assert "chorus bridge --create" in found["found"]
        create()
        printed = published_and_labelled("great thing", "awful thing")
        assert [line.partition("  ->  ")[0] for line in printed] == ["awful thing", "great thing"]
        assert all("'mood': '" in line for line in printed)
        wait_until(lambda: metrics().get("chorus_bridge_up") == "1.0", "a bridge that is well")
        assert finding(chorus, "messages")["well"]
        assert metrics()['chorus_messages_total{outcome="stored"}'] == "2.0"

        killed = up.kill("bridge")
        assert len(published_and_labelled("one more thing")) == 1
        assert up.workers()["bridge"] != [killed], "another has taken its place"
        [bridge] = chorus.here("status", "--json").json["bridges"]
        assert (bridge["subscription"], bridge["state"]) == (
            NAMES["CHORUS_SUBSCRIPTION"],
            "pulling",
        )
        [pid] = up.workers()["bridge"]
        up.stop()
        assert has_ended(pid)
    assert "Warm shutdown" in (home / "run" / "logs" / "bridge.log").read_text(), (
        "it was not killed"
    )
    assert not pubsub.inspect(subscription=NAMES["CHORUS_SUBSCRIPTION"])["outstanding"]


def test_a_service_whose_bridge_could_not_run_is_not_started(home, tmp_path):
    settings = from_environment(
        {"CHORUS_HOME": str(home), "CHORUS_RUN": str(tmp_path / "run"), **NAMES}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "google.cloud.pubsub_v1", None)
        with pytest.raises(PubSubNotInstalled, match=r"pip install 'chorus\[gcp\]'") as caught:
            up(settings, join=False, grace=1, metrics=None)
    assert caught.value.exit_status == 2
    refused = Command(home, CHORUS_SUBSCRIPTION="feedback").here("up")
    assert refused.status == 2
    assert "projects/my-project/subscriptions/feedback" in refused.err
