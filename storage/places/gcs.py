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
    "account needs the role "
    "Storage Object User (roles/storage.objectUser) on the bucket."
)


@dataclass(frozen=True)
class GoogleBucket:
    """A bucket; each method makes one request, once."""

    name: str
    idle_timeout: float  # seconds in which nothing of an answer comes

    def get(self, key: str, seconds: float) -> bytes:
        return bytes(_client(self.idle_timeout).cat_file(f"{self.name}/{key}", timeout=seconds))

    def get_range(self, key: str, start: int, end: int, seconds: float) -> bytes:
        return bytes(
            _client(self.idle_timeout).cat_file(
                f"{self.name}/{key}", start=start, end=end, timeout=seconds
            )
        )

    def stat(self, key: str, seconds: float) -> ObjectStat:
        found = _client(self.idle_timeout).call(
            "GET", "b/{}/o/{}", self.name, key, json_out=True, timeout=seconds
        )
        return ObjectStat(int(found["size"]), str(found.get("generation")))

    def put(self, key: str, data: bytes, mark: str | None, seconds: float) -> None:
        _client(self.idle_timeout).pipe_file(
            f"{self.name}/{key}",
            data,
            mode="create" if mark else "overwrite",
            metadata={MARK: mark} if mark else None,
            chunksize=len(data) + 1,  # below it all in one request
            timeout=seconds,
        )

    def metadata(self, key: str, seconds: float) -> Mapping[str, str]:
        found = _client(self.idle_timeout).call(
            "GET", "b/{}/o/{}", self.name, key, json_out=True, timeout=seconds
        )
        return found.get("metadata") or {}

    def list_page(self, prefix: str, following: str | None, most: int, seconds: float) -> Page:
        found = _client(self.idle_timeout).call(
            "GET",
            "b/{}/o",
            self.name,
            prefix=prefix,
            delimiter="/",
            pageToken=following,
            maxResults=most,
            fields="items/name,prefixes,nextPageToken",
            json_out=True,
            timeout=seconds,
        )
        keys = [item["name"] for item in found.get("items", [])]
        return Page((*keys, *found.get("prefixes", [])), found.get("nextPageToken") or None)

    def delete(self, key: str, seconds: float) -> None:
        _client(self.idle_timeout).call("DELETE", "b/{}/o/{}", self.name, key, timeout=seconds)


def _client(idle_timeout: float) -> Any:  # fsspec has no types
    """Kept by fsspec, and made anew in a process that was forked."""
    from aiohttp import ClientTimeout

    limits = ClientTimeout(total=None, sock_connect=idle_timeout, sock_read=idle_timeout)
    return _one_try()(requests_timeout=limits, use_listings_cache=False)


@cache
def _one_try() -> Any:
    """The client without its own six tries, which would multiply with ours.

    And not the one that gcsfs gives fsspec for `gs`: that asks another service, over gRPC, for the
    kind of bucket, and where that does not answer, before emulators, waits a minute for each
    operation.
    """
    from gcsfs.core import GCSFileSystem

    class OneTry(GCSFileSystem):  # type: ignore[misc]
        _request = GCSFileSystem._request.__wrapped__  # noqa: SLF001 — no other way to turn them off

    return OneTry
