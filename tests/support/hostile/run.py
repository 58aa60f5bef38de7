"""Read every hostile file in a process of its own, and print what became of each.

python -m tests.support.hostile.run [WORD ...]    only files whose names contain a word

Prints for each file the seconds that both processes computed, the most memory of both beyond what
three rows take, and the outcome; exits with 1 if one took more than 10 s or 400 MB, or ended
otherwise than as a dataset or a refusal.
"""

import io
import resource
import sys
import tempfile
import traceback
from pathlib import Path
from threading import Event, Thread
from time import process_time

from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.isolation.isolated_reader import IsolatedReader
from storage.errors import ChorusError
from storage.places.place import LocalPlace
from tests.support.hostile.catalogue import HostileFile, hostile_files
from tests.support.hostile.content import content

MAX_SECONDS, MAX_MEGABYTES = 10.0, 400.0


def read_hostile(file: HostileFile, folder: Path) -> tuple[float, float, str]:
    """Return (seconds of computing, megabytes of both processes more than before, outcome)."""
    path = folder / file.name
    file.write(path)
    del file
    started, before = _computed_seconds(), _proportional(Path("/proc/self/smaps_rollup"))
    with IsolatedReader() as reader, _Memory(reader.pid) as memory:
        try:
            dataset = store_upload(
                LocalPlace(folder / "home"),
                UploadOptions(str(path), "hostile"),
                io.BytesIO(),
                lambda _: None,
                read=reader.read,
            )
            outcome = f"stored: {dataset.rows:,} rows, {dataset.rejected:,} rejected"
        except ChorusError as error:
            outcome = f"refused: {error}"
        except Exception:
            outcome = f"TRACEBACK {traceback.format_exc()}"
    path.unlink()
    return _computed_seconds() - started, memory.megabytes - before, outcome


def _computed_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


class _Memory:
    """Watches the memory of this process and of a child, sampled every few milliseconds."""

    def __init__(self, child: int | None) -> None:
        self.megabytes, self._ended = 0.0, Event()
        self._files = [Path(f"/proc/{pid}/smaps_rollup") for pid in ("self", child)]
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.megabytes = max(self.megabytes, sum(map(_proportional, self._files)))


def _proportional(file: Path) -> float:
    """Return the megabytes of a process, a shared page counted in part."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def main(words: list[str]) -> int:
    bad = number = 0
    with tempfile.TemporaryDirectory(prefix="chorus-hostile-") as temporary:
        folder = Path(temporary)
        three_rows = HostileFile("three.csv", content(lambda: b"id,text\n1,a\n2,b\n3,c\n"))
        base = read_hostile(three_rows, folder)[1]
        for file in hostile_files():
            if words and not any(word in file.name for word in words):
                continue
            number += 1
            seconds, megabytes, outcome = read_hostile(file, folder)
            more = max(0.0, megabytes - base)
            wrong = seconds > MAX_SECONDS or more > MAX_MEGABYTES or "TRACEBACK" in outcome
            bad += wrong
            mark = "BAD" if wrong else "ok "
            print(f"{mark} {seconds:5.1f} s {more:4.0f} MB  {file.name}: {outcome}", flush=True)  # noqa: T201 - a script that people run
    print(f"{bad} of {number} files took too much or ended in a traceback")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
