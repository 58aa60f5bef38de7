"""A proxy before a storage server: it is slow, fails and cuts connections on demand, and counts
calls.

    with FaultyProxy("http://127.0.0.1:9000") as proxy:
        proxy.latency = 0.1                        # seconds, before each call is passed on
        # the next two calls with this method and this in their path
        proxy.fail_next(2, UNAVAILABLE, method="PUT", path="job")
        proxy.fail_share(0.1, [UNAVAILABLE, CUT, CUT_AFTER], seed=1)  # any call, one in ten
        proxy.calls                                # [("GET", "/bucket/key"), …]

It runs in a thread of the process that started it.
"""

import asyncio
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import aiohttp
from aiohttp import web
from yarl import URL

_HOP_HEADERS = {"connection", "content-length", "expect", "host", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Fault:
    """What happens instead of the answer.

    `status` 0 cuts the connection. `code` is what S3 calls the error. `after_work`: the server has
    done the work, and only its answer is lost. `hangs`: no answer comes until the client gives up.
    """

    status: int = 0
    code: str = ""
    after_work: bool = False
    hangs: bool = False


UNAVAILABLE = Fault(503, "SlowDown")
UNAVAILABLE_AFTER = Fault(503, "ServiceUnavailable", after_work=True)
TOO_MANY = Fault(429, "TooManyRequests")
CONFLICT = Fault(409, "ConditionalRequestConflict")
PRECONDITION = Fault(412, "PreconditionFailed")
FORBIDDEN = Fault(403, "AccessDenied")
NOT_IMPLEMENTED = Fault(501, "NotImplemented")
CUT = Fault()
CUT_AFTER = Fault(after_work=True)
HANGS = Fault(hangs=True)
HANGS_AFTER = Fault(hangs=True, after_work=True)

# What storage does on a bad day: refuse or cut a call, before or after its work.
BAD_DAY = (UNAVAILABLE, UNAVAILABLE_AFTER, CUT, CUT_AFTER)


@dataclass
class _PlannedFaults:
    """Faults of the next calls that match."""

    remaining: int
    fault: Fault
    method: str
    path: str

    def matches(self, method: str, path: str) -> bool:
        return self.remaining > 0 and method == (self.method or method) and self.path in path


class FaultyProxy:
    """A proxy for HTTP; `url` is where clients find it."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.latency = 0.0
        self.calls: list[tuple[str, str]] = []
        self.failed = 0
        self._planned: list[_PlannedFaults] = []
        self.stop_failing()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="faulty-proxy", daemon=True
        )

    def fail_next(self, times: int, fault: Fault, method: str = "", path: str = "") -> None:
        """Fail the next calls with this method whose path and query contain `path`."""
        self._planned.append(_PlannedFaults(times, fault, method, path))

    def fail_share(self, share: float, faults: Sequence[Fault] = BAD_DAY, seed: int = 0) -> None:
        """From now on fail this share of all calls, each with one of these faults."""
        self._share, self._faults, self._random = share, faults, random.Random(seed)  # noqa: S311 — no secret

    def stop_failing(self) -> None:
        """Let every call through again."""
        self._planned.clear()
        self.fail_share(0)

    def count(self, method: str = "", path: str = "") -> int:
        """Return how many calls had this method and `path` in their path and query."""
        return sum(
            method in (call_method, "") and path in call_path
            for call_method, call_path in self.calls
        )

    def __enter__(self) -> "FaultyProxy":
        self._thread.start()
        self.url = self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> str:
        self._stopping = asyncio.Event()
        self._client = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(120),
        )
        self._runner = web.ServerRunner(
            web.Server(self._answer, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def _stop(self) -> None:
        self._stopping.set()
        await self._runner.cleanup()
        await self._client.close()

    def _fault(self, method: str, path: str) -> Fault | None:
        for planned in self._planned:
            if planned.matches(method, path):
                planned.remaining -= 1
                return planned.fault
        if self._random.random() < self._share:
            return self._random.choice(self._faults)
        return None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if "Expect" in request.headers:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await request.content.read()
        self.calls.append((request.method, request.raw_path))
        fault = self._fault(request.method, request.raw_path)
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault is None:
            return await self._forward(request, body)
        self.failed += 1
        if fault.after_work:
            await self._forward(request, body)
        if fault.hangs:
            await self._stopping.wait()
        if not fault.status:
            request.transport.abort()
            return web.Response()
        return _refused(request, fault)

    async def _forward(self, request: web.BaseRequest, body: bytes) -> web.Response:
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in _HOP_HEADERS
        ]
        headers.append(("Content-Length", str(len(body))))
        url = URL(self._server + request.raw_path, encoded=True)
        async with self._client.request(
            request.method,
            url,
            headers=headers,
            data=BytesIO(body) if body else None,
            allow_redirects=False,
        ) as answer:
            data = await answer.read()
            response = web.Response(status=answer.status, body=data)
            for name, value in answer.headers.items():
                if name.lower() == "content-length":
                    if request.method == "HEAD":  # the length of what GET would bring
                        response.headers[name] = value
                elif name.lower() not in _HOP_HEADERS:  # a resumable upload continues here
                    response.headers[name] = (
                        value.replace(self._server, self.url) if name == "Location" else value
                    )
            return response


def _refused(request: web.BaseRequest, fault: Fault) -> web.Response:
    """Return an error in the format of the storage that the client expects."""
    if "/storage/v1/" in request.path:
        body, kind = (
            f'{{"error": {{"code": {fault.status}, "message": "on demand"}}}}',
            "application/json",
        )
    else:
        condition = "<Condition>If-None-Match</Condition>" if fault.status == 412 else ""
        body, kind = (
            f"<Error><Code>{fault.code}</Code><Message>on demand</Message>{condition}</Error>",
            "text/xml",
        )
    return web.Response(
        status=fault.status, text="" if request.method == "HEAD" else body, content_type=kind
    )
