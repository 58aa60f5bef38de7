"""What the tests share: a broker, roots, and ways to make datasets and run the command line."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import settings

from storage.places.open_place import open_place
from storage.places.place import LocalPlace
from tests.support.models import small_models
from tests.support.servers.buckets import run_gcs_server, run_s3_server, set_environment
from tests.support.servers.faulty_proxy import FaultyProxy
from workers.processes.embedded_broker import embedded_broker

# gRPC starts its threads again in every fork, and aborts where subprocess closes their descriptors
# before the fork becomes another program (https://github.com/grpc/grpc/pull/43157). It reads this
# when it is imported.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

# A slow machine is no failure; and CI judges the change, not the day's luck.
settings.register_profile("chorus", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("chorus")


@pytest.fixture(autouse=True)
def loggers_that_speak():
    """Some libraries silence every logger that there is when they are imported; ours are asked what
    they said.
    """
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """The address of a real server, for the whole run."""
    with embedded_broker(tmp_path_factory.mktemp("broker")) as embedded:
        yield embedded.address


@pytest.fixture
def redis(broker):
    """A client on an empty broker."""
    with broker.client() as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def pubsub_of_the_run():
    """A Pub/Sub server, for the whole run: every test takes topics and subscriptions of its own."""
    from tests.support.servers.pubsub_server import pubsub_server

    with pubsub_server() as server:
        yield server


@pytest.fixture
def pubsub(pubsub_of_the_run, monkeypatch):
    """The same; clients that are made in this test, and processes that it starts, talk to it."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_of_the_run.address)
    return pubsub_of_the_run


@pytest.fixture(scope="session")
def gs_server():
    """A server with Google's interface, for the whole run."""
    with run_gcs_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server():
    """A server that speaks S3, for the whole run."""
    with run_s3_server() as server:
        yield server


@pytest.fixture(params=["gs", "s3"])
def buckets(request):
    """One of the two; a test that takes it runs with both."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def proxy(buckets, monkeypatch):
    """A proxy before the server, through which the clients of this process go."""
    with FaultyProxy(buckets.url) as before:
        set_environment(monkeypatch, buckets.environment_for(before.url))
        yield before


@pytest.fixture
def bucket(buckets, monkeypatch):
    """The URL of an empty bucket that this process finds, and others with `buckets.environment` in
    theirs.
    """
    set_environment(monkeypatch, buckets.environment)
    return buckets.new_bucket()


@pytest.fixture(params=["disk", "gs", "s3"])
def any_place(request, tmp_path):
    """A fresh place of each kind: what is said of places holds of all of them."""
    if request.param == "disk":
        return LocalPlace(tmp_path / "place")
    server = request.getfixturevalue(f"{request.param}_server")
    set_environment(request.getfixturevalue("monkeypatch"), server.environment)
    return open_place(f"{server.new_bucket()}/root")


@pytest.fixture(scope="module")
def one_thread():
    """For torch: two are slower for so small networks as those of the tests."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def registry(tmp_path_factory) -> Path:
    """A root with small models and ensembles, to be copied."""
    home = tmp_path_factory.mktemp("registry")
    small_models.build(LocalPlace(home))
    return home


@pytest.fixture
def place(tmp_path) -> LocalPlace:
    return LocalPlace(Path(tmp_path, "home"))
