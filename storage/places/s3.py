"""A bucket of S3, or of what speaks like it, through s3fs.

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
    "it needs "
    "s3:GetObject, s3:PutObject and s3:DeleteObject on the objects, and s3:ListBucket on the "
    "bucket."
)


@dataclass(frozen=True)
class AmazonBucket:
    """A bucket; each method makes one request, once."""

    name: str
    idle_timeout: float

    def get(self, key: str, seconds: float) -> bytes:
        # Side by side in several requests it would ask for the size first.
        return bytes(
            _client(self.idle_timeout).cat_file(
                f"{self.name}/{key}", max_concurrency=1, timeout=seconds
            )
        )

    def get_range(self, key: str, start: int, end: int, seconds: float) -> bytes:
        return bytes(
            _client(self.idle_timeout).cat_file(
                f"{self.name}/{key}", start=start, end=end, timeout=seconds
            )
        )

    def stat(self, key: str, seconds: float) -> ObjectStat:
        found = _client(self.idle_timeout).call_s3(
            "head_object", Bucket=self.name, Key=key, timeout=seconds
        )
        return ObjectStat(int(found["ContentLength"]), f"{found['ETag']} {found['LastModified']}")

    def put(self, key: str, data: bytes, mark: str | None, seconds: float) -> None:
        _client(self.idle_timeout).pipe_file(
            f"{self.name}/{key}",
            data,
            mode="create" if mark else "overwrite",
            chunksize=len(data) + 1,  # below it all in one request
            timeout=seconds,
            **({"Metadata": {MARK: mark}} if mark else {}),
        )

    def metadata(self, key: str, seconds: float) -> Mapping[str, str]:
        found = _client(self.idle_timeout).call_s3(
            "head_object", Bucket=self.name, Key=key, timeout=seconds
        )
        return found.get("Metadata") or {}

    def list_page(self, prefix: str, following: str | None, most: int, seconds: float) -> Page:
        found = _client(self.idle_timeout).call_s3(
            "list_objects_v2",
            Bucket=self.name,
            Prefix=prefix,
            Delimiter="/",
            MaxKeys=most,
            timeout=seconds,
            **({"ContinuationToken": following} if following else {}),
        )
        keys = [item["Key"] for item in found.get("Contents", [])]
        folders = [item["Prefix"] for item in found.get("CommonPrefixes", [])]
        return Page(
            (*keys, *folders),
            found.get("NextContinuationToken") if found.get("IsTruncated") else None,
        )

    def delete(self, key: str, seconds: float) -> None:
        _client(self.idle_timeout).call_s3(
            "delete_object", Bucket=self.name, Key=key, timeout=seconds
        )


def _client(idle_timeout: float) -> Any:  # fsspec has no types
    """Kept by fsspec, and made anew in a process that was forked."""
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
