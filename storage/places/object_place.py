"""A bucket, or a folder of one, as a place; failed requests are retried by a policy."""

import logging
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TypeVar
from urllib.parse import urlsplit

from storage.places import gcs, s3
from storage.places.bucket import MARK, Bucket, ObjectStat
from storage.places.concurrent import map_concurrently
from storage.places.error_mapping import PermanentError, TransientError, classify_error
from storage.places.gcs import GoogleBucket
from storage.places.place import (
    BLOCK_BYTES,
    Absent,
    BinaryWriter,
    CannotWrite,
    Changed,
    Place,
    UnknownScheme,
)
from storage.places.retry import RetryPolicy, StorageRefused, StorageUnavailable
from storage.places.s3 import AmazonBucket

RETRY_POLICY = RetryPolicy()
_PAGE_KEYS = 1000  # the most that GCS and S3 return in one answer
# Seconds. The size of the file is unknown before; `idle_timeout` ends a dead connection earlier.
_READ_TIMEOUT = 600.0
_WARN_AFTER = 5.0  # seconds of retrying one operation

T = TypeVar("T")

log = logging.getLogger(__name__)


class ObjectPlace(Place):
    """A place whose files are objects; folders exist only in their names.

    Every operation may raise StorageUnavailable or StorageRefused.
    """

    concurrency = 8  # each waits for the network; s3fs keeps ten connections

    def __init__(
        self, url: str, bucket: Bucket, prefix: str, advice: str, retry_policy: RetryPolicy
    ) -> None:
        super().__init__(url)
        self._bucket, self._prefix, self._advice = bucket, prefix, advice
        self._retry_policy = retry_policy

    def _key(self, path: str) -> str:
        return "/".join(filter(None, (self._prefix, path)))

    def read(self, path: str) -> bytes:
        try:
            return self._with_retries(
                path, lambda: self._bucket.get(self._key(path), _READ_TIMEOUT)
            )
        except FileNotFoundError:
            self._check_bucket()
            raise Absent(self.url_of(path)) from None

    def create(
        self,
        path: str,
        data: bytes,
        *,
        durable: bool = False,  # noqa: ARG002 — objects always are
    ) -> bool:
        """Create the object with a mark of this call in its metadata.

        "It exists" may be the answer to a second try whose first answer was lost, of ours or of the
        client library. Then the mark is ours, and this call created the object.
        """
        mark = secrets.token_hex(8)
        key, timeout = self._key(path), self._retry_policy.timeout_for(len(data))

        def attempt() -> bool:
            try:
                self._bucket.put(key, data, mark, timeout)
            except Exception as error:
                if not isinstance(classify_error(error), FileExistsError):
                    raise
            else:
                return True
            try:
                return (
                    self._bucket.metadata(key, self._retry_policy.request_timeout).get(MARK) == mark
                )
            except FileNotFoundError:
                raise TransientError("storage answered that it exists, but it does not") from None

        return self._write(path, attempt)

    def replace(self, path: str, data: bytes) -> None:
        timeout = self._retry_policy.timeout_for(len(data))
        self._write(path, lambda: self._bucket.put(self._key(path), data, None, timeout))

    @contextmanager
    def new_file(self, path: str) -> Iterator[Path]:
        try:
            with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
                file = Path(folder, path.rsplit("/", 1)[-1])
                file.touch()
                yield file
        except StorageUnavailable:
            raise
        except OSError as error:
            raise CannotWrite(
                f"temporary files in {tempfile.gettempdir()}", error.strerror or str(error)
            ) from error

    def move_in(self, path: str, file: Path, *, replace: bool) -> bool:
        data = file.read_bytes()
        if not replace:
            return self.create(path, data)
        self.replace(path, data)
        return True

    def exists(self, path: str) -> bool:
        """Return whether the object exists; a folder is no object."""
        try:
            self._with_retries(
                path,
                lambda: self._bucket.metadata(self._key(path), self._retry_policy.request_timeout),
            )
        except FileNotFoundError:
            self._check_bucket()
            return False
        return True

    def names(self, folder: str) -> list[str]:
        return sorted({name.rstrip("/") for name in self._list(folder)})

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._with_retries(
                path,
                lambda: self._bucket.delete(self._key(path), self._retry_policy.request_timeout),
            )

    def clear(self, folder: str) -> None:
        files = [name for name in self._list(folder) if not name.endswith("/")]
        for _ in map_concurrently(
            self, self.remove, (f"{folder}/{name}" if folder else name for name in files)
        ):
            pass

    def flush(self, folder: str, names: Sequence[str]) -> None:
        """Return at once: an object store answers a write only when the object is durable."""

    @contextmanager
    def local_file(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
            copy = Path(folder, path.rsplit("/", 1)[-1])
            with copy.open("wb") as file:
                self.copy_to(path, file)
            yield copy

    def copy_to(self, path: str, file: BinaryWriter) -> None:
        """Copy the object block by block; the next blocks are read while one is written."""
        try:
            before = self._stat(path)
        except FileNotFoundError:
            self._check_bucket()
            raise Absent(self.url_of(path)) from None

        def block(start: int) -> bytes:
            end = min(before.size, start + BLOCK_BYTES)
            timeout = self._retry_policy.timeout_for(end - start)
            data = self._with_retries(
                path, lambda: self._bucket.get_range(self._key(path), start, end, timeout)
            )
            if len(data) != end - start:
                raise Changed(self.url_of(path))
            return data

        try:
            for data in map_concurrently(self, block, range(0, before.size, BLOCK_BYTES)):
                file.write(data)
        except (FileNotFoundError, StorageRefused):  # refused: the object has become shorter
            if self._is_unchanged(path, before):
                raise
        if not self._is_unchanged(path, before):
            raise Changed(self.url_of(path))

    def _is_unchanged(self, path: str, before: ObjectStat) -> bool:
        with suppress(FileNotFoundError):
            return self._stat(path) == before
        return False

    def _stat(self, path: str) -> ObjectStat:
        return self._with_retries(
            path, lambda: self._bucket.stat(self._key(path), self._retry_policy.request_timeout)
        )

    def _list(self, folder: str) -> list[str]:
        """Return the names directly below a folder; those of folders end with `/`.

        Pages are retried one by one.
        """
        prefix = f"{self._key(folder)}/" if self._key(folder) else ""
        timeout = self._retry_policy.request_timeout
        names: list[str] = []
        token: str | None = None
        while True:
            request = partial(self._bucket.list_page, prefix, token, _PAGE_KEYS, timeout)
            page = self._with_retries(folder, request, self._no_bucket)
            names += [key.removeprefix(prefix) for key in page.keys if key != prefix]
            token = page.next_token
            if token is None:
                return names

    def _write(self, path: str, attempt: Callable[[], T]) -> T:
        return self._with_retries(path, attempt, self._no_bucket)

    def _check_bucket(self) -> None:
        """Raise StorageRefused if the bucket does not exist.

        Called when an object is missing: a wrong bucket name must not look like an empty place.
        """
        if self._bucket not in _existing_buckets():
            self._with_retries(
                "",
                lambda: self._bucket.list_page("", None, 1, self._retry_policy.request_timeout),
                self._no_bucket,
            )
            _existing_buckets().add(self._bucket)

    def _no_bucket(self) -> StorageRefused:
        return StorageRefused(
            self.url, "there is no such bucket", "Create the bucket, or correct its name."
        )

    def _with_retries(
        self, path: str, attempt: Callable[[], T], absent: Callable[[], Exception] | None = None
    ) -> T:
        """Return what `attempt` returns, retrying transient errors by the policy.

        Raises FileNotFoundError, or what `absent` returns instead of it; FileExistsError;
        StorageRefused for a permanent error; StorageUnavailable when it gives up.
        """
        started_at, tries, warned = time.monotonic(), 0, False
        while True:
            tries += 1
            try:
                return attempt()
            # The libraries' errors have no common base; those not of storage are raised again.
            except Exception as error:
                classified = classify_error(error)
                if isinstance(classified, PermanentError):
                    advice = self._advice if classified.credentials else "Correct it and run again."
                    raise StorageRefused(self.url_of(path), str(classified), advice) from error
                if isinstance(classified, FileNotFoundError) and absent is not None:
                    raise absent() from error
                if not isinstance(classified, TransientError):
                    raise classified from None
                spent = time.monotonic() - started_at
                draw = random.random()  # noqa: S311 — no secret
                wait = self._retry_policy.wait(tries, spent, draw)
                if wait is None:
                    raise StorageUnavailable(
                        self.url_of(path), str(classified), tries, spent
                    ) from error
                is_slow = spent > _WARN_AFTER
                log.log(
                    logging.WARNING if is_slow and not warned else logging.INFO,
                    "storage failed; retrying %s in %.1f s: %s",
                    self.url_of(path),
                    wait,
                    classified,
                )
                warned = warned or is_slow
            time.sleep(wait)


@cache
def _existing_buckets() -> set[Bucket]:
    """Return the buckets that this process has found to exist."""
    return set()


_SCHEMES: dict[str, tuple[ModuleType, type[GoogleBucket] | type[AmazonBucket]]] = {
    "gs": (gcs, GoogleBucket),
    "gcs": (gcs, GoogleBucket),
    "s3": (s3, AmazonBucket),
}


def object_place(url: str, retry_policy: RetryPolicy | None = None) -> ObjectPlace:
    """Return the place at `gs://bucket/folder` or `s3://bucket/folder`.

    Raises UnknownScheme.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise UnknownScheme(
            url, f"{parts.scheme}:// is not known. Use a local path, gs://… or s3://…"
        )
    library, bucket_class = _SCHEMES[parts.scheme]
    if not parts.netloc:
        raise UnknownScheme(url, f"it names no bucket. Use {parts.scheme}://bucket/folder")
    if find_spec(library.LIBRARY) is None:
        raise UnknownScheme(
            url, f"its client is not installed. Run: pip install 'chorus[{library.EXTRA}]'"
        )
    url = url.rstrip("/")
    retry_policy = retry_policy or RETRY_POLICY
    bucket = bucket_class(parts.netloc, retry_policy.idle_timeout)
    return ObjectPlace(
        url, bucket, url.partition("://")[2].partition("/")[2], library.ADVICE, retry_policy
    )
