"""Every kind of broker URL works with a real server, for the board's client and for Celery."""

import select
import socket
import socketserver
import ssl
import subprocess
import threading
from contextlib import contextmanager

import pytest
import trustme

from storage.errors import ChorusError
from tasks.board.board import Board
from tasks.broker.broker_url import BadBrokerUrl, BrokerAddress, BrokerUnreachable
from tasks.broker.celery_app import make_app, make_publisher
from tasks.broker.step_messages import CONTROL_QUEUE, FinishJob
from tasks.planning.dispatch import queued_arguments
from tests.support.runs.steps import PREFIX
from tests.support.runs.waiting import wait_until
from workers.processes.embedded_broker import embedded_broker, server_binary


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server(folder, *arguments):
    """A server process of the embedded broker's binary."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([server_binary(), *map(str, arguments)], cwd=folder, stdout=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def answers(address):
    try:
        address.check_answers()
    except ChorusError:
        return False
    return True


def assert_serves(address):
    """A message published by Celery arrives, and the board's client sees it waiting."""
    app = make_app(address, PREFIX)
    with address.client() as redis:
        redis.flushall()
        make_publisher(app, address)(FinishJob("job1"))
        assert queued_arguments(Board(redis, PREFIX), CONTROL_QUEUE) == [{"job": "job1"}]
    with app.connection_for_read() as connection, connection.SimpleQueue(CONTROL_QUEUE) as queue:
        message = queue.get(timeout=20)
        assert message.headers["task"] == FinishJob.name
        message.ack()
    app.close()


def test_the_embedded_broker_serves(broker):
    assert_serves(broker)


def test_a_plain_tcp_server_serves_with_a_password(tmp_path):
    port = free_port()
    with server(tmp_path, "--port", port, "--requirepass", "secret"):
        address = BrokerAddress(f"redis://:secret@127.0.0.1:{port}/1")
        wait_until(lambda: answers(address), "the server")
        assert_serves(address)
        assert "secret" not in address.without_password
        with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1") as caught:
            BrokerAddress(f"redis://:wrong@127.0.0.1:{port}/1").check_answers()
        assert "wrong@" not in str(caught.value)


def test_a_server_behind_sentinels_serves(tmp_path):
    port, sentinel = free_port(), free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {sentinel}\nsentinel monitor main 127.0.0.1 {port} 1\n")
    with server(tmp_path / "a", "--port", port), server(tmp_path / "b", config, "--sentinel"):
        address = BrokerAddress(
            f"sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel}/0?master_name=main"
        )
        wait_until(lambda: answers(address), "the sentinel to know its master")
        assert_serves(address)
        with pytest.raises(BrokerUnreachable, match="other"):
            BrokerAddress(f"sentinel://127.0.0.1:{sentinel}/0?master_name=other").check_answers()


class _Tls(socketserver.ThreadingTCPServer):
    """Terminates TLS and forwards every byte to a unix socket and back."""

    daemon_threads = True

    def __init__(self, context, target):
        self.context, self.target = context, target
        super().__init__(("127.0.0.1", 0), _Pipe)

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ), address

    def handle_error(self, request, client_address):
        """A client that refuses our certificate is part of the test."""


class _Pipe(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.do_handshake()
        with socket.socket(socket.AF_UNIX) as broker:
            broker.connect(self.server.target)
            while True:
                ready = (
                    [self.request]
                    if self.request.pending()
                    else select.select([self.request, broker], [], [])[0]
                )
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    (broker if source is self.request else self.request).sendall(data)


@pytest.fixture
def tls(tmp_path):
    """Return (port, certificate file) of a TLS server before a broker."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with (
        embedded_broker(tmp_path / "run") as embedded,
        _Tls(context, embedded.address.url.split("://")[1]) as front,
    ):
        thread = threading.Thread(target=front.serve_forever)
        thread.start()
        yield front.server_address[1], tmp_path / "ca.pem"
        front.shutdown()
        thread.join()


def test_a_server_behind_tls_serves_and_its_certificate_is_checked(tls):
    port, certificates = tls
    assert_serves(BrokerAddress(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificates}"))
    # another database: kombu pools connections by URL
    unknown = BrokerAddress(f"rediss://127.0.0.1:{port}/1")
    with pytest.raises(BrokerUnreachable, match=r"(?i)certificate"):
        unknown.check_answers()
    with pytest.raises(BrokerUnreachable, match=r"(?i)certificate"):
        make_publisher(make_app(unknown, PREFIX), unknown)(FinishJob("job1"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host", "'http'"),
        ("host:6379", "'host'"),
        ("redis://host:port", "port"),
        ("redis://a,b", "several"),
        ("sentinel://host/0", "master_name"),
    ],
)
def test_a_url_that_names_no_broker_is_refused_with_examples(url, expected):
    with pytest.raises(BadBrokerUrl, match=expected) as caught:
        BrokerAddress(url)
    assert "redis://host:6379/0" in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_missing_server_is_reported_within_the_connect_timeout():
    with pytest.raises(BrokerUnreachable, match="CHORUS_BROKER_URL"):
        BrokerAddress(f"redis://127.0.0.1:{free_port()}/0").check_answers()
