"""The metrics endpoint: demand, pools and messages over HTTP, for Prometheus, for KEDA and for
probes.

/metrics         the text format of Prometheus
/demand/<model>  {"rows": 1200, "workers": 4}: the rows that wait, and the workers that they are worth
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
from workers.control.prometheus import Seen, exposition

# seconds that one reading of the board serves all who ask: KEDA asks for each model by itself
_FRESH = 1.0

Read = Callable[[], Seen]
Answer = tuple[HTTPStatus, str, bytes]  # status, content type, body

log = logging.getLogger(__name__)


class BadAddress(BadRequest):
    def __init__(self, value: str) -> None:
        self.value = value
        super().__init__(
            f"{value!r} is no HOST:PORT to listen on. Use 127.0.0.1:9464, 0.0.0.0:9464 or [::]:9464."
        )


class CannotListen(ChorusError):
    """The address is taken, or not one of this machine's."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host, self.port, self.reason = host, port, reason
        super().__init__(
            f"The metrics cannot be served on {host}:{port}: {reason}. Stop what listens there, or choose another "
            "port (0: any that is free)."
        )


def listen_address(value: str) -> tuple[str, int]:
    """ "0.0.0.0:9464" -> ("0.0.0.0", 9464); brackets around IPv6. Raises BadAddress."""
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        not (colon and host and port.isascii() and port.isdecimal() and int(port) < 2**16)
        or (":" in host) != bracketed
    ):
        raise BadAddress(value)
    return (host[1:-1] if bracketed else host), int(port)


def check_free(host: str, port: int) -> None:
    """Raises CannotListen, as `serve_metrics` would now."""
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        raise CannotListen(host, port, error.strerror or str(error)) from error


@contextmanager
def serve_metrics(
    host: str, port: int, read: Read, limits: Callable[[str], Limits]
) -> Iterator[int]:
    """Serve from a thread for as long as the block lasts; the block gets the port. Raises
    CannotListen.

    `read` is called from other threads, one at a time; `limits` is `LimitsFile.of`.
    """
    try:
        server = _Server(host, port, Pages(read, limits))
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


class Pages:
    """What is answered to which path."""

    def __init__(
        self, read: Read, limits: Callable[[str], Limits], clock: Callable[[], float] = time.time
    ) -> None:
        self._read, self._limits, self._clock = read, limits, clock
        self._lock, self._read_at = Lock(), float("-inf")
        self._last = Seen()

    def answer(self, path: str) -> Answer:
        """Raises whatever `read` raises."""
        path = path.partition("?")[0]
        if path == "/healthz":
            self._board()
            return HTTPStatus.OK, "text/plain", b"ok\n"
        if path == "/metrics":
            return (
                HTTPStatus.OK,
                CONTENT_TYPE_LATEST,
                exposition(self._board(), self._limits, self._clock()),
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
        """A model that nobody asks for has an answer too: it is what lets its pool go to sleep."""
        seen, limits = self._board(), self._limits(model)
        for one in seen.demand:
            if one.model == model:
                wanted = seen.workers_wanted(one, limits, self._clock())
                return {"rows": one.rows, "workers": wanted}
        return {"rows": 0, "workers": limits.min}

    def _board(self) -> Seen:
        with self._lock:
            # a clock that was set back is no reason to wait
            if not 0 <= self._clock() - self._read_at < _FRESH:
                self._last = self._read()
                self._read_at = self._clock()
            return self._last


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Server(ThreadingTCPServer):
    """Not HTTPServer, which asks the name service for its own address before it listens."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self.address_family = _family(host)
        self.pages = pages
        super().__init__((host, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 — as the base has it
        """One client went away in the middle: nothing that the service has to hear of."""
        log.debug("no answer to %s", client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10  # seconds that a client may be silent

    def do_GET(self) -> None:
        try:
            status, kind, body = self.server.pages.answer(self.path)
        except Exception as error:  # whatever the board raises: the next who asks may be luckier
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
        """Nothing: a request every few seconds is no event."""
