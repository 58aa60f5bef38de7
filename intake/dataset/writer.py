"""Writing the files of one dataset: chunks as they fill, then the rejects, then dataset.json.

All of them are stored, or none.
"""

from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from intake.dataset.reject_file import RejectFile
from intake.overlap.history import add_source_chunks, store_sketch
from intake.overlap.sample import ChunkTexts, TextSample, distinct_texts
from intake.readers.block import Reject
from storage.errors import ChorusError
from storage.places.concurrent import map_concurrently, run_both
from storage.places.place import Place
from storage.places.retry import StorageUnavailable
from storage.records.feedback import (
    CHUNK,
    Chunk,
    Dataset,
    UploadSource,
    chunk_id,
    chunk_path,
    clean_texts,
    dataset_path,
    encode_chunk,
    folder,
    read_dataset,
    rejects_path,
)

_IN_FLIGHT = 4  # chunks that are encoded or written to a disk at once
_IN_FLIGHT_BYTES = 32 << 20  # of their feedback; encoding takes several times as much


class ChunkRemoved(ChorusError):
    """A chunk that was written is missing before its dataset is complete."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"{where} was removed while the upload was taken in. Nothing was stored; run it again."
        )


class DatasetWriter:
    """Writer of one dataset, used as a context manager.

    If the block ends on an error, the files that it wrote are removed. They stay where storage is
    unavailable; the next intake of the same upload finds them.
    """

    def __init__(self, place: Place, customer: str, dataset: str, chunk_rows: int) -> None:
        self._place, self._customer, self._dataset = place, customer, dataset
        self._chunk_rows = chunk_rows
        self._pending: list[pa.Table] = []  # feedback that fills no chunk yet
        self.columns: dict[str, None] = {}  # names that occurred in `extra`, in the order they came
        self._chunks: list[Chunk] = []
        self._sample = TextSample()
        self._rows = self._blank_rows = 0
        self._reasons: Counter[str] = Counter()
        self._rejects = RejectFile()
        # Arrow and the hash release the interpreter lock. One thread keeps up; more would hold more
        # memory.
        self._encoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake-encode")
        self._max_in_flight = max(_IN_FLIGHT, place.concurrency)
        self._pool = ThreadPoolExecutor(
            max_workers=self._max_in_flight, thread_name_prefix="intake-write"
        )
        # each with the bytes of its feedback
        self._writing: deque[tuple[Future[tuple[Chunk, ChunkTexts]], int]] = deque()
        self._created_paths: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for pool in (self._encoder, self._pool):
            pool.shutdown(wait=True, cancel_futures=True)
        self._rejects.close()
        # While storage is unavailable, nothing can be removed either.
        if kind is not None and not issubclass(kind, StorageUnavailable):
            for _ in map_concurrently(self._place, self._place.remove, self._created_paths):
                pass

    def add(
        self,
        feedback: pa.Table,
        rejects: list[Reject],
        columns: tuple[str, ...],
        blank_rows: int = 0,
    ) -> None:
        """Take the feedback (schema CHUNK), the rejects and the number of blank rows of a block."""
        self._blank_rows += blank_rows
        self.columns.update(dict.fromkeys(columns))
        self._reasons.update(reject.reason for reject in rejects)
        self._rejects.add(rejects)
        self._pending.append(feedback)
        self._rows += feedback.num_rows
        if sum(table.num_rows for table in self._pending) >= self._chunk_rows:
            self._start_full_chunks()

    @property
    def rows_in(self) -> int:
        """Number of records so far, rejects included."""
        return self._rows + self._reasons.total()

    def finish(self, source: UploadSource, taken_in: datetime) -> Dataset:
        """Write the last chunk and the rejects, then dataset.json, and last the sketch.

        dataset.json is written once all other files are safe; the sketch is for later uploads.
        """
        rest = pa.concat_tables([CHUNK.empty_table(), *self._pending])
        if rest.num_rows:
            self._start_chunk(rest)
        while self._writing:
            self._finish_chunk()
        chunks, _ = run_both(
            self._place,
            lambda: add_source_chunks(
                self._place, self._customer, self._dataset, self._chunks, self._sample
            ),
            lambda: self._create(
                rejects_path(self._customer, self._dataset), self._rejects.encode()
            ),
        )
        self._check_chunks_exist()
        self._flush()
        dataset = Dataset(
            customer=self._customer,
            id=self._dataset,
            source=source,
            columns=tuple(self.columns),
            rows_in=self.rows_in,
            rows=self._rows,
            rejected=self._reasons.total(),
            reasons={reason: self._reasons[reason] for reason in sorted(self._reasons)},
            chunk_rows=self._chunk_rows,
            chunks=tuple(chunks),
            taken_in=taken_in,
            blank_rows=self._blank_rows,
        )
        if self._place.create(
            dataset_path(self._customer, self._dataset), dataset.encode(), durable=True
        ):
            self._created_paths.clear()  # the dataset is complete: an error must not remove them
            store_sketch(self._place, dataset, self._sample)
            return dataset
        # Another intake of the same upload finished first.
        return read_dataset(self._place, self._customer, self._dataset)

    def _check_chunks_exist(self) -> None:
        """Raise ChunkRemoved if a chunk is missing.

        An interrupted intake of the same upload beside this one removes its chunks, which are the
        same files.
        """
        names = set(self._place.names(folder(self._customer, self._dataset)))
        for path in self._chunk_paths():
            if _file_name(path) not in names:
                raise ChunkRemoved(self._place.url_of(path))

    def _flush(self) -> None:
        """Make all files that dataset.json lists durable, at once."""
        files = [*self._chunk_paths(), rejects_path(self._customer, self._dataset)]
        self._place.flush(
            folder(self._customer, self._dataset), [_file_name(file) for file in files]
        )

    def _chunk_paths(self) -> list[str]:
        return [
            chunk_path(self._customer, self._dataset, position)
            for position in range(len(self._chunks))
        ]

    def _start_full_chunks(self) -> None:
        table = pa.concat_tables(self._pending)
        full = table.num_rows - table.num_rows % self._chunk_rows
        for start in range(0, full, self._chunk_rows):
            self._start_chunk(table.slice(start, self._chunk_rows))
        self._pending = [table.slice(full)]

    def _start_chunk(self, table: pa.Table) -> None:
        """Encode and write a chunk in the background; wait first if too many are in flight."""
        size = table.nbytes
        while self._writing and (
            len(self._writing) == self._max_in_flight
            or size + sum(size for _, size in self._writing) > _IN_FLIGHT_BYTES
        ):
            self._finish_chunk()
        path = chunk_path(self._customer, self._dataset, len(self._chunks) + len(self._writing))
        encoded = self._encoder.submit(_encode, [table])
        self._writing.append((self._pool.submit(self._write, path, encoded), size))

    def _write(
        self, path: str, encoded: Future[tuple[Chunk, ChunkTexts, bytes]]
    ) -> tuple[Chunk, ChunkTexts]:
        chunk, texts, data = encoded.result()
        self._create(path, data)
        return chunk, texts

    def _finish_chunk(self) -> None:
        """Wait for the oldest chunk in flight."""
        written, _ = self._writing.popleft()
        chunk, texts = written.result()
        self._chunks.append(chunk)
        self._sample.add(texts)

    def _create(self, path: str, data: bytes) -> None:
        """Create a file, or replace one with other bytes.

        A file of this name was left by an intake that was killed, or is written by one beside this.
        """
        if self._place.create(path, data):
            self._created_paths.append(path)
        elif self._place.read(path) != data:
            self._place.replace(path, data)


def _file_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _encode(tables: list[pa.Table]) -> tuple[Chunk, ChunkTexts, bytes]:
    """Encode the feedback of a chunk, the only table of the list, which is left empty.

    Texts may be long: no copy of them is held longer than it is needed.
    """
    table = tables.pop().combine_chunks()
    chunk, texts = _describe_chunk(table)
    return chunk, texts, encode_chunk(table)


def _describe_chunk(table: pa.Table) -> tuple[Chunk, ChunkTexts]:
    texts = clean_texts(table)
    chars = pc.sum(pc.utf8_length(texts)).as_py()
    chunk = Chunk(id=chunk_id(texts), rows=table.num_rows, chars=chars)
    return chunk, distinct_texts(texts)
