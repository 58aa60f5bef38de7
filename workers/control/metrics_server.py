"""The metrics endpoint over HTTP: demand, workers and messages, for Prometheus, KEDA and probes.

/metrics         the text format of Prometheus
/demand/<model>  {"rows": 1200, "workers": 4}: waiting rows, and how many workers it should have
/healthz         200 while the board can be read
"""

import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Lock, Thread

from prometheus_client import CONTENT_TYPE_LATEST

from storage.errors import BadRequest, ChorusError
from workers.autoscaling.limits import Limits
from workers.control.prometheus import BoardSnapshot, prometheus_text

# Seconds for which a snapshot of the board answers all requests: KEDA makes one for each model.
_SNAPSHOT_SECONDS = 1.0

ReadBoard = Callable[[], BoardSnapshot]
Response = tuple[HTTPStatus, str, bytes]  # status, content type, body

log = logging.getLogger(__name__)


class BadListenAddress(BadRequest):
    """An address to listen on that is not HOST:PORT."""

    def __init__(self, value: str) -> None:
        self.value = value
        super().__init__(
            f"{value!r} is no HOST:PORT to listen on. Use 127.0.0.1:9464, 0.0.0.0:9464 or "
            "[::]:9464."
        )


class CannotListen(ChorusError):
    """An address that is in use, or not one of this machine."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host, self.port, self.reason = host, port, reason
        super().__init__(
            f"The metrics cannot be served on {host}:{port}: {reason}. Stop what listens there, or "
            "choose another port (0: any that is free)."
        )


def parse_listen_address(value: str) -> tuple[str, int]:
    """Return host and port: "0.0.0.0:9464" -> ("0.0.0.0", 9464); IPv6 in brackets.

    Raises BadListenAddress.
    """
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        not (colon and host and port.isascii() and port.isdecimal() and int(port) < 2**16)
        or (":" in host) != bracketed
    ):
        raise BadListenAddress(value)
    return (host[1:-1] if bracketed else host), int(port)


def check_address_free(host: str, port: int) -> None:
    """Raise CannotListen if `serve_metrics` would raise it now."""
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        raise CannotListen(host, port, error.strerror or str(error)) from error


@contextmanager
def serve_metrics(
    host: str, port: int, read: ReadBoard, limits: Callable[[str], Limits]
) -> Iterator[int]:
    """Serve from a thread while the block lasts; yield the port.

    `read` is called from other threads, one at a time; `limits` is `ModelTables.for_model`. Raises
    CannotListen.
    """
    try:
        server = _Server(host, port, MetricsPages(read, limits))
    except OSError as error:
        raise CannotListen(host, port, error.strerror or str(error)) from error
    thread = Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True
    )
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class MetricsPages:
    """The responses of the endpoint, by path."""

    def __init__(
        self,
        read: ReadBoard,
        limits: Callable[[str], Limits],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read, self._limits, self._clock = read, limits, clock
        self._lock, self._read_at = Lock(), float("-inf")
        self._snapshot = BoardSnapshot()

    def respond(self, path: str) -> Response:
        """Return status, content type and body for a path. Raises what `read` raises."""
        path = path.partition("?")[0]
        if path == "/healthz":
            self._latest()
            return HTTPStatus.OK, "text/plain", b"ok\n"
        if path == "/metrics":
            return (
                HTTPStatus.OK,
                CONTENT_TYPE_LATEST,
                prometheus_text(self._latest(), self._limits, self._clock()),
            )
        folder, _, model = path.rpartition("/")
        if folder == "/demand" and model:
            return HTTPStatus.OK, "application/json", json.dumps(self._demand(model)).encode()
        return (
            HTTPStatus.NOT_FOUND,
            "text/plain",
            b"There are /metrics, /demand/<model> and /healthz.\n",
        )

    def _demand(self, model: str) -> dict[str, int]:
        """Return a model's rows and wanted workers; without demand they are 0 and its `min`."""
        snapshot, limits = self._latest(), self._limits(model)
        for demand in snapshot.demand:
            if demand.model == model:
                wanted = snapshot.workers_wanted(demand, limits, self._clock())
                return {"rows": demand.rows, "workers": wanted}
        return {"rows": 0, "workers": limits.min}

    def _latest(self) -> BoardSnapshot:
        with self._lock:
            # Below 0 if the clock was set back.
            if not 0 <= self._clock() - self._read_at < _SNAPSHOT_SECONDS:
                self._snapshot = self._read()
                self._read_at = self._clock()
            return self._snapshot


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Server(ThreadingTCPServer):
    """A TCP server. HTTPServer would look up its own host name before it listens."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int, pages: MetricsPages) -> None:
        self.address_family = _family(host)
        self.pages = pages
        super().__init__((host, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 — as in the base class
        """Ignore a client that closed the connection too soon."""
        log.debug("no response to %s", client_address)


class _Handler(BaseHTTPRequestHandler):
    """The handler of one request."""

    server: _Server
    timeout = 10  # seconds that a client may take to send its request

    def do_GET(self) -> None:
        """Answer one request."""
        try:
            status, kind, body = self.server.pages.respond(self.path)
        except Exception as error:  # whatever the board raises
            log.warning("the board cannot be read: %s", error)
            status, kind, body = (
                HTTPStatus.SERVICE_UNAVAILABLE,
                "text/plain",
                b"The board cannot be read; see the log.\n",
            )
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the standard library's name
        """Log nothing: there is a request every few seconds."""
