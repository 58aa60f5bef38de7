"""What slow storage costs: whole jobs with their root in a bucket whose every answer takes 100 ms,
against none.

The buckets are those of real servers on this machine, one that speaks Google's JSON and one that
speaks S3; a proxy before them makes each call wait. The service is warm and the same for both; what
the round before wrote is removed. The clock runs from a file to the manifest. One feedback and 200
show what no overlap can hide: calls that need each other.
"""

import csv
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from support.demo_models import TOGETHER, home_with, real_texts
from support.front_door import job_from
from support.report import AtLeast, Target, median, report
from support.service import Service, service

from chorus.common.settings import from_environment
from intake.dataset.upload import UploadOptions
from models.kinds.table import find_kind
from models.publishing.registry import ModelRegistry
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.jobs import Job
from tasks.jobs.submit import start_job
from workers.autoscaling.thread_share import share_threads

sys.path.append(str(Path(__file__).parent.parent))

from tests.support.servers.buckets import BucketServer, run_gcs_server, run_s3_server
from tests.support.servers.faulty_proxy import FaultyProxy

LATENCY = 0.1  # seconds a call
LEAST = 0.9  # of the throughput without
MODELS = ("sentiment-bow", "sentiment-minilm")
ROUNDS = int(os.environ.get("ROUNDS", "3"))
_PATIENCE = 600.0  # seconds
STORES: dict[str, Callable[[], AbstractContextManager[BucketServer]]] = {
    "GCS": run_gcs_server,
    "S3": run_s3_server,
}


@dataclass(frozen=True)
class Work:
    """A job: whose ensemble, and how many texts."""

    name: str
    customer: str
    rows: int


LARGE = (
    Work("bow + transformer", TOGETHER, int(os.environ.get("ROWS", "32768"))),
    Work("bow alone", "sentiment-bow", 5 * int(os.environ.get("ROWS", "32768"))),
)
SMALL = (Work("1 feedback", "sentiment-bow", 1), Work("200 feedbacks", "sentiment-bow", 200))


def main() -> None:
    wanted = sys.argv[1:] or list(STORES)
    measures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
        published = Path(folder, "home")
        home_with(published, *MODELS)
        for store in wanted:
            found = measured(STORES[store], published, Path(folder))
            for work in LARGE:
                fast, slow = (found[work, latency] for latency in (0.0, LATENCY))
                measures[f"{store}, {work.name}: rows a second"] = work.rows / median(
                    [one.seconds for one in fast]
                )
                measures[f"{store}, {work.name}: the same at 100 ms"] = work.rows / median(
                    [one.seconds for one in slow]
                )
                ratio = f"{store}, {work.name}: whole job at 100 ms / without"
                measures[ratio] = median(
                    [one.seconds / other.seconds for one, other in zip(fast, slow, strict=True)]
                )
                if work is LARGE[0]:
                    targets[ratio] = AtLeast(LEAST)
                ratio = f"{store}, {work.name}: scoring at 100 ms / without"
                measures[ratio] = median(
                    [other.scoring / one.scoring for one, other in zip(fast, slow, strict=True)]
                )
                targets[ratio] = AtLeast(LEAST)
            for work in SMALL:
                fast, slow = (found[work, latency] for latency in (0.0, LATENCY))
                measures[f"{store}, {work.name}: seconds"] = median([one.seconds for one in fast])
                measures[f"{store}, {work.name}: seconds at 100 ms"] = median(
                    [one.seconds for one in slow]
                )
                measures[f"{store}, {work.name}: calls"] = median([one.calls for one in slow])
                more = (one.seconds - other.seconds for one, other in zip(slow, fast, strict=True))
                measures[f"{store}, {work.name}: calls one after the other"] = median(
                    [one / LATENCY for one in more]
                )
    report("slow_storage", measures, targets)


@dataclass(frozen=True)
class Run:
    """One job, from the file to the manifest."""

    seconds: float
    scoring: float  # rows a second, from the first part to the last; 0 of a job of one part
    calls: int


def measured(
    store: Callable[[], AbstractContextManager[BucketServer]], published: Path, folder: Path
) -> dict[tuple[Work, float], list[Run]]:
    """Rounds of every job, without latency and with it in turn."""
    found: dict[tuple[Work, float], list[Run]] = defaultdict(list)
    with ExitStack() as stack:
        buckets = stack.enter_context(store())
        proxy = stack.enter_context(FaultyProxy(buckets.url))
        # of this process, and of the workers that it starts
        os.environ |= buckets.environment_for(proxy.url)
        os.environ["CHORUS_RUN"] = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="chorus-bench-")
        )
        root = f"{buckets.new_bucket()}/home"
        place = open_place(root)
        _copy(published, place)
        running = stack.enter_context(_warm(root, place, _upload(folder, SMALL[1], "warming up")))
        for number in range(ROUNDS):
            for work in (*LARGE, *SMALL):
                for latency in (0.0, LATENCY):
                    upload = _upload(folder, work, f"{number} {latency}")
                    run = _run(running, proxy, upload, work, latency)
                    found[work, latency].append(run)
                    rate = work.rows / run.seconds
                    print(
                        f"round {number + 1}, {buckets.scheme}, {work.name}, {1000 * latency:.0f} ms a call: "
                        f"{run.seconds:.2f} s, {rate:,.0f} rows a second, {run.calls} calls",
                        flush=True,
                    )
    return found


def _run(running: Service, proxy: FaultyProxy, file: Path, work: Work, latency: float) -> Run:
    proxy.latency = 0.0
    _forget(running.context.place)
    before = len(proxy.calls)
    proxy.latency = latency
    began = time.perf_counter()
    job = job_from(running.context.place, UploadOptions(str(file), work.customer))
    start_job(running.context, job)
    scoring = _watch_parts(running, job, work.rows)
    running.wait(job, look_every=0.01)
    return Run(time.perf_counter() - began, scoring, len(proxy.calls) - before)


def _watch_parts(running: Service, job: Job, rows: int) -> float:
    """Rows a second from the first part to the last; 0 if there is one."""
    chunks = -(-rows // from_environment().chunk_rows)
    seen: list[tuple[float, int]] = []  # when, and how many parts there were
    until = time.monotonic() + _PATIENCE
    while (not seen or seen[-1][1] < chunks) and time.monotonic() < until:
        progress = running.context.board.progress(job.id, [])
        if progress is not None and progress.parts > (seen[-1][1] if seen else 0):
            seen.append((time.perf_counter(), progress.parts))
        if progress is not None and progress.status != "running":
            break
        time.sleep(0.01)
    (began, first), (ended, last) = seen[0], seen[-1]
    return (last - first) * rows / chunks / (ended - began) if last > first else 0.0


@contextmanager
def _warm(root: str, place: Place, upload: Path) -> Iterator[Service]:
    """Workers that share the cores as those of `chorus score` do, each with its model in memory."""
    registry = ModelRegistry(place)
    cores = from_environment().cores
    threads = share_threads(
        cores, {model: find_kind(registry.resolve(model).kind).max_threads for model in MODELS}
    )
    with service(root, threads) as running:
        for customer in (TOGETHER, "sentiment-bow"):
            job = job_from(place, UploadOptions(str(upload), customer))
            start_job(running.context, job)
            running.wait(job, look_every=0.05)
        yield running


def _copy(published: Path, place: Place) -> None:
    """A home on this disk into the bucket."""
    for folder, _, names in os.walk(published, followlinks=True):
        for name in names:
            file = Path(folder, name)
            place.create(file.relative_to(published).as_posix(), file.read_bytes())


def _forget(place: Place) -> None:
    """Feedback, jobs, labels and scores; what is published stays."""
    for folder in ("feedback", "jobs", "labelled", "scores", "sketches"):
        _clear(place, folder)


def _clear(place: Place, folder: str) -> None:
    place.clear(folder)
    for deeper in place.names(folder):
        _clear(place, f"{folder}/{deeper}")


def _upload(folder: Path, work: Work, run: str) -> Path:
    """Tweets, of which no two are equal, nor any two of two runs: what processes remember of one
    helps no other.
    """
    file = folder / f"{work.rows}.csv"
    texts: Sequence[str] = real_texts(min(work.rows, 32768))
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = (
            (number, f"{text} {number} {run}")
            for number, text in enumerate(islice(cycle(texts), work.rows))
        )
        csv.writer(opened).writerows([("id", "text"), *rows])
    return file


if __name__ == "__main__":
    main()
