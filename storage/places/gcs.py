"""A bucket of Google Cloud Storage, through gcsfs.

Endpoint and credentials come the usual way of gcsfs: Application Default Credentials,
`FSSPEC_GCS_…` and `STORAGE_EMULATOR_HOST` in the environment, fsspec's configuration files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from storage.places.bucket import MARK, ObjectStat, Page

LIBRARY, EXTRA = "gcsfs", "gcp"
ADVICE = (
    "Check GOOGLE_APPLICATION_CREDENTIALS or run `gcloud auth application-default login`; the "
    "account needs the role Storage Object User (roles/storage.objectUser) on the bucket."
)


@dataclass(frozen=True)
class GoogleBucket:
    """A bucket; each method sends one request, once."""

    name: str
    idle_timeout: float  # seconds without a byte of the answer

    def get(self, key: str, timeout: float) -> bytes:
        return bytes(_client(self.idle_timeout).cat_file(f"{self.name}/{key}", timeout=timeout))

    def get_range(self, key: str, start: int, end: int, timeout: float) -> bytes:
        return bytes(
            _client(self.idle_timeout).cat_file(
                f"{self.name}/{key}", start=start, end=end, timeout=timeout
            )
        )

    def stat(self, key: str, timeout: float) -> ObjectStat:
        answer = self._object_resource(key, timeout)
        return ObjectStat(int(answer["size"]), str(answer.get("generation")))

    def put(self, key: str, data: bytes, mark: str | None, timeout: float) -> None:
        _client(self.idle_timeout).pipe_file(
            f"{self.name}/{key}",
            data,
            mode="create" if mark else "overwrite",
            metadata={MARK: mark} if mark else None,
            chunksize=len(data) + 1,  # all of the data in one request
            timeout=timeout,
        )

    def metadata(self, key: str, timeout: float) -> Mapping[str, str]:
        return self._object_resource(key, timeout).get("metadata") or {}

    def list_page(self, prefix: str, token: str | None, limit: int, timeout: float) -> Page:
        answer = _client(self.idle_timeout).call(
            "GET",
            "b/{}/o",
            self.name,
            prefix=prefix,
            delimiter="/",
            pageToken=token,
            maxResults=limit,
            fields="items/name,prefixes,nextPageToken",
            json_out=True,
            timeout=timeout,
        )
        keys = [item["name"] for item in answer.get("items", [])]
        return Page((*keys, *answer.get("prefixes", [])), answer.get("nextPageToken") or None)

    def delete(self, key: str, timeout: float) -> None:
        _client(self.idle_timeout).call("DELETE", "b/{}/o/{}", self.name, key, timeout=timeout)

    def _object_resource(self, key: str, timeout: float) -> Any:  # JSON
        return _client(self.idle_timeout).call(
            "GET", "b/{}/o/{}", self.name, key, json_out=True, timeout=timeout
        )


def _client(idle_timeout: float) -> Any:  # fsspec has no types
    """Return the client, which fsspec caches and creates again in a forked process."""
    from aiohttp import ClientTimeout

    limits = ClientTimeout(total=None, sock_connect=idle_timeout, sock_read=idle_timeout)
    return _one_try()(requests_timeout=limits, use_listings_cache=False)


@cache
def _one_try() -> Any:
    """Return the class of the client, without its own six tries, which would multiply with ours.

    It is not the class that gcsfs registers for `gs`: that one asks another service, over gRPC, for
    the type of the bucket. Emulators do not have it, and each operation would wait for a minute.
    """
    from gcsfs.core import GCSFileSystem

    class OneTry(GCSFileSystem):  # type: ignore[misc]
        _request = GCSFileSystem._request.__wrapped__  # noqa: SLF001 — no public way

    return OneTry
