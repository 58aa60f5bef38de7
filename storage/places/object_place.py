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
from typing import IO, TypeVar
from urllib.parse import urlsplit

from storage.places import gcs, s3
from storage.places.bucket import MARK, Bucket, ObjectStat
from storage.places.concurrent import map_concurrently
from storage.places.error_mapping import PermanentError, TransientError, classify_error
from storage.places.gcs import GoogleBucket
from storage.places.place import BLOCK, Absent, Changed, Place, UnknownScheme
from storage.places.retry import RetryPolicy, StorageRefused, StorageUnavailable
from storage.places.s3 import AmazonBucket

RETRY_POLICY = RetryPolicy()
_PAGE = 1000  # names in one answer, the most that both give
# seconds; a file's size is not known before, and a dead connection is noticed long before
_LONGEST_READ = 600.0
_LOUD = 5.0  # seconds after which people should know that storage is slow

T = TypeVar("T")

log = logging.getLogger(__name__)


class ObjectPlace(Place):
    """A place whose files are objects; folders exist only in their names.

    Every operation may raise StorageUnavailable or StorageRefused.
    """

    concurrency = 8  # each waits for the network; s3fs keeps ten connections

    def __init__(
        self, url: str, bucket: Bucket, prefix: str, advice: str, patience: RetryPolicy
    ) -> None:
        super().__init__(url)
        self._bucket, self._prefix, self._advice, self._retry_policy = (
            bucket,
            prefix,
            advice,
            patience,
        )

    def _key(self, path: str) -> str:
        return "/".join(filter(None, (self._prefix, path)))

    def read(self, path: str) -> bytes:
        try:
            return self._with_retries(
                path, lambda: self._bucket.get(self._key(path), _LONGEST_READ)
            )
        except FileNotFoundError:
            self._check_bucket()
            raise Absent(self.url_of(path)) from None

    def create(self, path: str, data: bytes, *, durable: bool = False) -> bool:  # noqa: ARG002 — always durable
        """Create the object with a mark of this call in its metadata.

        "Already there" may be the answer to a request that was sent again, by us or by a client
        library, because its first answer was lost. Then the mark is ours, and this call created the
        object.
        """
        mark = secrets.token_hex(8)
        key, seconds = self._key(path), self._retry_policy.timeout_for(len(data))

        def attempt() -> bool:
            try:
                self._bucket.put(key, data, mark, seconds)
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
                raise TransientError("it was said to be there already, and was not") from None

        return self._write(path, attempt)

    def replace(self, path: str, data: bytes) -> None:
        seconds = self._retry_policy.timeout_for(len(data))
        self._write(path, lambda: self._bucket.put(self._key(path), data, None, seconds))

    def exists(self, path: str) -> bool:
        """Return whether there is such an object; a folder is not one."""
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
        return sorted({name.rstrip("/") for name in self._listed(folder)})

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._with_retries(
                path,
                lambda: self._bucket.delete(self._key(path), self._retry_policy.request_timeout),
            )

    def clear(self, folder: str) -> None:
        files = [name for name in self._listed(folder) if not name.endswith("/")]
        for _ in map_concurrently(
            self, self.remove, (f"{folder}/{name}" if folder else name for name in files)
        ):
            pass

    def flush(self, folder: str, names: Sequence[str]) -> None:
        """Return at once: an object store answers only when the object is safe."""

    @contextmanager
    def local_file(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
            copy = Path(folder, path.rsplit("/", 1)[-1])
            with copy.open("wb") as file:
                self.copy_to(path, file)
            yield copy

    def copy_to(self, path: str, file: IO[bytes]) -> None:
        """Copy the object block by block; some blocks are read while one is written."""
        try:
            before = self._stamp(path)
        except FileNotFoundError:
            self._check_bucket()
            raise Absent(self.url_of(path)) from None

        def block(start: int) -> bytes:
            end = min(before.size, start + BLOCK)
            seconds = self._retry_policy.timeout_for(end - start)
            data = self._with_retries(
                path, lambda: self._bucket.get_range(self._key(path), start, end, seconds)
            )
            if len(data) != end - start:
                raise Changed(self.url_of(path))
            return data

        try:
            for data in map_concurrently(self, block, range(0, before.size, BLOCK)):
                file.write(data)
        except (FileNotFoundError, StorageRefused):  # refused: there are no bytes where some were
            if self._is_still(path, before):
                raise
        if not self._is_still(path, before):
            raise Changed(self.url_of(path))

    def _is_still(self, path: str, before: ObjectStat) -> bool:
        with suppress(FileNotFoundError):
            return self._stamp(path) == before
        return False

    def _stamp(self, path: str) -> ObjectStat:
        return self._with_retries(
            path, lambda: self._bucket.stat(self._key(path), self._retry_policy.request_timeout)
        )

    def _listed(self, folder: str) -> list[str]:
        """Return the names directly below a folder; folders end with `/`.

        It reads page by page, so that one page may be retried.
        """
        prefix = f"{self._key(folder)}/" if self._key(folder) else ""
        found: list[str] = []
        following: str | None = None
        while True:
            ask = partial(
                self._bucket.list_page, prefix, following, _PAGE, self._retry_policy.request_timeout
            )
            page = self._with_retries(folder, ask, self._no_bucket)
            found += [key.removeprefix(prefix) for key in page.keys if key != prefix]
            following = page.following
            if following is None:
                return found

    def _write(self, path: str, attempt: Callable[[], T]) -> T:
        return self._with_retries(path, attempt, self._no_bucket)

    def _check_bucket(self) -> None:
        """Raise StorageRefused if the bucket does not exist.

        A missing object may mean a missing bucket: a wrong setting would look like an empty place.
        """
        if self._bucket not in _known_buckets():
            self._with_retries(
                "",
                lambda: self._bucket.list_page("", None, 1, self._retry_policy.request_timeout),
                self._no_bucket,
            )
            _known_buckets().add(self._bucket)

    def _no_bucket(self) -> StorageRefused:
        return StorageRefused(
            self.url, "there is no such bucket", "Create the bucket, or mend its name."
        )

    def _with_retries(
        self, path: str, attempt: Callable[[], T], absent: Callable[[], Exception] | None = None
    ) -> T:
        """Return what the attempt returns, retrying by the policy.

        FileNotFoundError is a result too, unless `absent` gives the error that it means.
        """
        began, tries, said = time.monotonic(), 0, False
        while True:
            tries += 1
            try:
                return attempt()
            # whatever the libraries raise; what they should not is passed on
            except Exception as error:
                trouble = classify_error(error)
                if isinstance(trouble, PermanentError):
                    advice = self._advice if trouble.credentials else "Mend it and run it again."
                    raise StorageRefused(self.url_of(path), str(trouble), advice) from error
                if isinstance(trouble, FileNotFoundError) and absent is not None:
                    raise absent() from error
                if not isinstance(trouble, TransientError):
                    raise trouble from None
                spent = time.monotonic() - began
                wait = self._retry_policy.wait(tries, spent, random.random())  # noqa: S311 — no secret
                if wait is None:
                    raise StorageUnavailable(
                        self.url_of(path), str(trouble), tries, spent
                    ) from error
                loud = not said and spent > _LOUD
                said = said or loud
                log.log(
                    logging.WARNING if loud else logging.INFO,
                    "trying %s again: %s",
                    self.url_of(path),
                    trouble,
                )
            time.sleep(wait)


@cache
def _known_buckets() -> set[Bucket]:
    """Return the buckets that are known to exist."""
    return set()


_KINDS: dict[str, tuple[ModuleType, type[GoogleBucket] | type[AmazonBucket]]] = {
    "gs": (gcs, GoogleBucket),
    "gcs": (gcs, GoogleBucket),
    "s3": (s3, AmazonBucket),
}


def object_place(url: str, retry_policy: RetryPolicy | None = None) -> ObjectPlace:
    """Return the place at `gs://bucket/folder` or `s3://bucket/folder`.

    Raises UnknownScheme.
    """
    parts = urlsplit(url)
    if parts.scheme not in _KINDS:
        raise UnknownScheme(
            url, f"{parts.scheme}:// is not known. Use a local path, gs://… or s3://…"
        )
    library, kind = _KINDS[parts.scheme]
    if not parts.netloc:
        raise UnknownScheme(url, f"it names no bucket. Use {parts.scheme}://bucket/folder")
    if find_spec(library.LIBRARY) is None:
        raise UnknownScheme(
            url, f"its client is not installed. Run: pip install 'chorus[{library.EXTRA}]'"
        )
    url = url.rstrip("/")
    retry_policy = retry_policy or RETRY_POLICY
    bucket = kind(parts.netloc, retry_policy.idle_timeout)
    return ObjectPlace(
        url, bucket, url.partition("://")[2].partition("/")[2], library.ADVICE, retry_policy
    )
