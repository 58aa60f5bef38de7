"""A bucket of S3, or of a store with its interface, through s3fs.

Endpoint and credentials come the usual way of botocore: `AWS_…` in the environment, `~/.aws`, the
role of the machine; more options by fsspec's configuration (`FSSPEC_S3_…`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.places.bucket import MARK, ObjectStat, Page

LIBRARY, EXTRA = "s3fs", "s3"
ADVICE = (
    "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the role of this machine; "
    "it needs s3:GetObject, s3:PutObject and s3:DeleteObject on the objects, and s3:ListBucket on "
    "the bucket."
)


@dataclass(frozen=True)
class AmazonBucket:
    """A bucket; each method sends one request, once."""

    name: str
    idle_timeout: float  # seconds without a byte of the answer

    def get(self, key: str, timeout: float) -> bytes:
        # With more than one, s3fs would request the size first.
        return bytes(
            _client(self.idle_timeout).cat_file(
                f"{self.name}/{key}", max_concurrency=1, timeout=timeout
            )
        )

    def get_range(self, key: str, start: int, end: int, timeout: float) -> bytes:
        return bytes(
            _client(self.idle_timeout).cat_file(
                f"{self.name}/{key}", start=start, end=end, timeout=timeout
            )
        )

    def stat(self, key: str, timeout: float) -> ObjectStat:
        answer = self._head(key, timeout)
        return ObjectStat(
            int(answer["ContentLength"]), f"{answer['ETag']} {answer['LastModified']}"
        )

    def put(self, key: str, data: bytes, mark: str | None, timeout: float) -> None:
        _client(self.idle_timeout).pipe_file(
            f"{self.name}/{key}",
            data,
            mode="create" if mark else "overwrite",
            chunksize=len(data) + 1,  # all of the data in one request
            timeout=timeout,
            **({"Metadata": {MARK: mark}} if mark else {}),
        )

    def metadata(self, key: str, timeout: float) -> Mapping[str, str]:
        return self._head(key, timeout).get("Metadata") or {}

    def list_page(self, prefix: str, token: str | None, limit: int, timeout: float) -> Page:
        answer = _client(self.idle_timeout).call_s3(
            "list_objects_v2",
            Bucket=self.name,
            Prefix=prefix,
            Delimiter="/",
            MaxKeys=limit,
            timeout=timeout,
            **({"ContinuationToken": token} if token else {}),
        )
        keys = [item["Key"] for item in answer.get("Contents", [])]
        folders = [item["Prefix"] for item in answer.get("CommonPrefixes", [])]
        return Page(
            (*keys, *folders),
            answer.get("NextContinuationToken") if answer.get("IsTruncated") else None,
        )

    def delete(self, key: str, timeout: float) -> None:
        _client(self.idle_timeout).call_s3(
            "delete_object", Bucket=self.name, Key=key, timeout=timeout
        )

    def _head(self, key: str, timeout: float) -> Any:  # JSON
        return _client(self.idle_timeout).call_s3(
            "head_object", Bucket=self.name, Key=key, timeout=timeout
        )


def _client(idle_timeout: float) -> Any:  # fsspec has no types
    """Return the client, which fsspec caches and creates again in a forked process."""
    from fsspec.config import conf
    from s3fs import S3FileSystem

    configured = conf.get("s3", {}).get("config_kwargs", {})
    ours = {
        "connect_timeout": idle_timeout,
        "read_timeout": idle_timeout,
        "retries": {"total_max_attempts": 1},
    }
    client = S3FileSystem(config_kwargs={**configured, **ours}, use_listings_cache=False)
    client.retries = 1  # its own five would multiply with ours
    return client
