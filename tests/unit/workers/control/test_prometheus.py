"""The metrics endpoint: its responses to Prometheus, KEDA and probes."""

import http.client
import json
import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families

from storage.errors import BadRequest, ChorusError
from tasks.board.bridge_roster import Bridge, MessageTraffic
from tasks.board.roster import Worker
from tasks.planning.demand import Demand
from workers.autoscaling.limits import Limits
from workers.control.metrics_server import (
    BadListenAddress,
    CannotListen,
    MetricsPages,
    parse_listen_address,
    serve_metrics,
)
from workers.control.prometheus import BoardSnapshot, prometheus_text

NOW = 1_000_000.0
DEMAND = [
    Demand("mood", 10, 600, 0, NOW - 90, None, rate=5.0, start_seconds=2.5, memory=400),
    Demand("topics.v2", 0, 0, 0, 0.0, None, rate=50.0, start_seconds=1.0, memory=100),
]
WORKERS = [
    Worker("w1", "mood", "here", "busy", NOW, NOW, memory=410, threads=1),
    Worker("w2", "mood", "there", "starting", NOW, NOW, memory=400, threads=1),
    Worker("w3", "gone", "here", "stopping", NOW, NOW, memory=50, threads=1),
]

TRAFFIC = MessageTraffic(
    bridges=[
        Bridge("bridge-1", "projects/p/subscriptions/s", "pulling", NOW, "", held=12),
        Bridge("bridge-2", "projects/p/subscriptions/s", "waiting", NOW - 60, "it is gone", held=0),
    ],
    outcomes={"stored": 100, "duplicate": 3},
    unpublished=2,
)


def limits(model):
    return Limits(min=1) if model == "warm" else Limits()


def board_snapshot():
    return BoardSnapshot(DEMAND, WORKERS, TRAFFIC)


def values(text):
    """(name, model if it has one, and the other labels) -> value, of every sample."""
    samples = [
        one for family in text_string_to_metric_families(text.decode()) for one in family.samples
    ]
    return {
        (
            one.name,
            *(
                value
                for _, value in sorted(one.labels.items(), key=lambda label: label[0] != "model")
            ),
        ): one.value
        for one in samples
    }


def test_the_metrics_have_demand_rates_and_workers():
    samples = values(prometheus_text(board_snapshot(), limits, NOW))
    expected = {
        ("chorus_rows_waiting", "mood", "urgent"): 10,
        ("chorus_rows_waiting", "mood", "bulk"): 600,
        ("chorus_rows_waiting", "mood", "nightly"): 0,
        ("chorus_oldest_age_seconds", "mood"): 90,
        ("chorus_oldest_age_seconds", "topics.v2"): 0,
        ("chorus_worker_rows_per_second", "mood"): 5,
        ("chorus_worker_start_seconds", "mood"): 2.5,
        ("chorus_worker_memory_bytes", "mood"): 400,
        ("chorus_workers_wanted", "mood"): 3,
        ("chorus_workers_wanted", "topics.v2"): 0,
        ("chorus_workers", "mood", "busy"): 1,
        ("chorus_workers", "mood", "starting"): 1,
        ("chorus_workers", "mood", "idle"): 0,
        ("chorus_workers", "topics.v2", "busy"): 0,
        ("chorus_workers", "gone", "stopping"): 1,
        ("chorus_workers_memory_bytes", "mood"): 810,
        ("chorus_workers_memory_bytes", "topics.v2"): 0,
    }
    assert {key: samples.get(key) for key in expected} == expected


def test_the_metrics_have_bridges_and_messages_by_outcome():
    samples = values(prometheus_text(board_snapshot(), limits, NOW))
    expected = {
        ("chorus_bridge_up", "bridge-1", "projects/p/subscriptions/s"): 1,
        ("chorus_bridge_up", "bridge-2", "projects/p/subscriptions/s"): 0,
        ("chorus_messages_held", "bridge-1"): 12,
        ("chorus_messages_total", "stored"): 100,
        ("chorus_messages_total", "duplicate"): 3,
        ("chorus_messages_total", "handed back"): 0,
        ("chorus_results_waiting",): 2,
    }
    assert {key: samples.get(key) for key in expected} == expected


def test_an_empty_service_has_metrics_too():
    assert not any(values(prometheus_text(BoardSnapshot(), limits, NOW)).values())


@pytest.fixture
def get():
    """A function that requests a path of a server: (status, content type, body)."""

    def get(port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        response = answer.status, answer.headers["Content-Type"], answer.read()
        connection.close()
        return response

    return get


def test_the_endpoint_answers_prometheus_keda_and_probes(get):
    with serve_metrics("127.0.0.1", 0, board_snapshot, limits) as port:
        status, kind, body = get(port, "/metrics")
        assert (status, kind.partition(";")[0]) == (200, "text/plain")
        assert values(body)["chorus_rows_waiting", "mood", "bulk"] == 600
        assert get(port, "/healthz")[0] == 200
        demand = {
            model: json.loads(get(port, f"/demand/{model}")[2])
            for model in ("mood", "topics.v2", "warm", "new")
        }
        assert demand == {
            "mood": {"rows": 610, "workers": 3},
            "topics.v2": {"rows": 0, "workers": 0},
            "warm": {"rows": 0, "workers": 1},
            "new": {"rows": 0, "workers": 0},
        }
        assert get(port, "/demand/")[0] == get(port, "/")[0] == get(port, "/metrics/x")[0] == 404
    with pytest.raises(ConnectionError):
        get(port, "/healthz")


def test_a_board_that_cannot_be_read_is_a_503_until_it_can_be_read(get):
    def fail():
        raise ConnectionError("redis://:secret@broker is away")

    reads = [fail, board_snapshot]
    with serve_metrics("127.0.0.1", 0, lambda: reads.pop(0)(), limits) as port:
        status, _, body = get(port, "/demand/mood")
        assert status == 503
        assert b"secret" not in body
        assert get(port, "/demand/mood")[0] == 200


def test_one_snapshot_of_the_board_serves_all_requests_within_a_second():
    clock, reads = [100.0], []
    pages = MetricsPages(lambda: (reads.append(1), board_snapshot())[1], limits, lambda: clock[0])
    for _ in range(500):
        pages.respond("/demand/mood")
    assert len(reads) == 1
    clock[0] = 101.0
    pages.respond("/metrics")
    assert len(reads) == 2
    clock[0] = 50.0  # set back
    pages.respond("/healthz")
    assert len(reads) == 3


def test_a_port_in_use_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(
                CannotListen, match=rf"127.0.0.1:{port}: Address already in use"
            ) as caught,
            serve_metrics("127.0.0.1", port, board_snapshot, limits),
        ):
            pass
    assert isinstance(caught.value, ChorusError)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0.0.1:9464", ("10.0.0.1", 9464)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_an_address_to_listen_on_is_a_host_and_a_port(value, expected):
    assert parse_listen_address(value) == expected


@pytest.mark.parametrize(
    "value",
    ["9464", ":9464", "host:", "host:http", "host:65536", "::1:80", "host:-1", "host:²", ""],
)
def test_other_addresses_are_refused(value):
    with pytest.raises(BadListenAddress, match="HOST:PORT") as caught:
        parse_listen_address(value)
    assert isinstance(caught.value, BadRequest)
