"""Topics and a subscription are made, or somebody hears why they are not."""

import socket

import pytest

from intake import pubsub_setup
from intake.pubsub_setup import CannotCreate, create

TOPIC, SUBSCRIPTION = "projects/tests/topics/made", "projects/tests/subscriptions/made"


def test_what_is_missing_is_made_once(pubsub):  # noqa: ARG001 — whom the clients find
    def make():
        return list(create([TOPIC], SUBSCRIPTION, TOPIC, exactly_once=False))

    assert make() == [f"made {TOPIC}", f"made {SUBSCRIPTION}, to {TOPIC}"]
    assert make() == []


def test_a_service_that_does_not_answer_is_given_up_soon_and_named(monkeypatch):
    monkeypatch.setattr(pubsub_setup, "_SECONDS", 0.5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(CannotCreate, match=f"{TOPIC} could not be made: .*onnect"):
            list(create([TOPIC], SUBSCRIPTION, TOPIC, exactly_once=False))
