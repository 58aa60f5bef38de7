"""Measure what slow storage costs: jobs on a bucket whose every call takes 100 ms, against 0 ms.

The buckets are on local servers, one that speaks Google's JSON API and one that speaks S3; a proxy
in front of them delays each call. The service is warm and the same for both; the results of the
round before are removed. The clock runs from a file to the manifest. Jobs of 1 and of 200 feedback
show the calls that must run one after the other, which concurrency cannot hide.
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

from support.demo_models import ALL_MODELS, real_texts, root_with_models
from support.job_builder import job_from_upload
from support.report import AtLeast, Target, median, report
from support.service import ServiceProcess, start_service

from chorus.common.settings import from_environment
from intake.dataset.upload_options import UploadOptions
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
LEAST_RATIO = 0.9  # of the throughput without latency
MODELS = ("sentiment-bow", "sentiment-minilm")
ROUNDS = int(os.environ.get("ROUNDS", "3"))
_TIMEOUT = 600.0  # seconds
STORES: dict[str, Callable[[], AbstractContextManager[BucketServer]]] = {
    "GCS": run_gcs_server,
    "S3": run_s3_server,
}


@dataclass(frozen=True)
class JobSize:
    """A job: the customer whose ensemble it uses, and its number of texts."""

    name: str
    customer: str
    rows: int


LARGE = (
    JobSize("bow + transformer", ALL_MODELS, int(os.environ.get("ROWS", "32768"))),
    JobSize("bow alone", "sentiment-bow", 5 * int(os.environ.get("ROWS", "32768"))),
)
SMALL = (JobSize("1 feedback", "sentiment-bow", 1), JobSize("200 feedbacks", "sentiment-bow", 200))


def main() -> None:
    stores = sys.argv[1:] or list(STORES)
    measures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
        published = Path(folder, "home")
        root_with_models(published, *MODELS)
        for store in stores:
            runs = measure_store(STORES[store], published, Path(folder))
            for size in LARGE:
                fast, slow = (runs[size, latency] for latency in (0.0, LATENCY))
                measures[f"{store}, {size.name}: rows a second"] = size.rows / median(
                    [run.seconds for run in fast]
                )
                measures[f"{store}, {size.name}: the same at 100 ms"] = size.rows / median(
                    [run.seconds for run in slow]
                )
                ratio = f"{store}, {size.name}: whole job at 100 ms / without"
                measures[ratio] = median(
                    [
                        run.seconds / other_run.seconds
                        for run, other_run in zip(fast, slow, strict=True)
                    ]
                )
                if size is LARGE[0]:
                    targets[ratio] = AtLeast(LEAST_RATIO)
                ratio = f"{store}, {size.name}: scoring at 100 ms / without"
                measures[ratio] = median(
                    [
                        other_run.scoring / run.scoring
                        for run, other_run in zip(fast, slow, strict=True)
                    ]
                )
                targets[ratio] = AtLeast(LEAST_RATIO)
            for size in SMALL:
                fast, slow = (runs[size, latency] for latency in (0.0, LATENCY))
                measures[f"{store}, {size.name}: seconds"] = median([run.seconds for run in fast])
                measures[f"{store}, {size.name}: seconds at 100 ms"] = median(
                    [run.seconds for run in slow]
                )
                measures[f"{store}, {size.name}: calls"] = median([run.calls for run in slow])
                extra_seconds = (
                    run.seconds - other_run.seconds
                    for run, other_run in zip(slow, fast, strict=True)
                )
                measures[f"{store}, {size.name}: calls one after the other"] = median(
                    [seconds / LATENCY for seconds in extra_seconds]
                )
    report("slow_storage", measures, targets)


@dataclass(frozen=True)
class MeasuredRun:
    """One job, measured from the file to the manifest."""

    seconds: float
    scoring: float  # rows a second, from the first part to the last; 0 of a job of one part
    calls: int


def measure_store(
    store: Callable[[], AbstractContextManager[BucketServer]], published: Path, folder: Path
) -> dict[tuple[JobSize, float], list[MeasuredRun]]:
    """Run rounds of every job, in turn without and with latency."""
    runs: dict[tuple[JobSize, float], list[MeasuredRun]] = defaultdict(list)
    with ExitStack() as stack:
        buckets = stack.enter_context(store())
        proxy = stack.enter_context(FaultyProxy(buckets.url))
        # for this process and the workers that it starts
        os.environ |= buckets.environment_for(proxy.url)
        os.environ["CHORUS_RUN"] = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="chorus-bench-")
        )
        root = f"{buckets.new_bucket()}/home"
        place = open_place(root)
        _copy_to_bucket(published, place)
        running = stack.enter_context(
            _start_warm_service(root, place, _upload(folder, SMALL[1], "warming up"))
        )
        for number in range(ROUNDS):
            for size in (*LARGE, *SMALL):
                for latency in (0.0, LATENCY):
                    upload = _upload(folder, size, f"{number} {latency}")
                    run = _run(running, proxy, upload, size, latency)
                    runs[size, latency].append(run)
                    rate = size.rows / run.seconds
                    print(
                        f"round {number + 1}, {buckets.scheme}, {size.name}, {1000 * latency:.0f} "
                        "ms a call: "
                        f"{run.seconds:.2f} s, {rate:,.0f} rows a second, {run.calls} calls",
                        flush=True,
                    )
    return runs


def _run(
    running: ServiceProcess, proxy: FaultyProxy, file: Path, size: JobSize, latency: float
) -> MeasuredRun:
    proxy.latency = 0.0
    _remove_results(running.context.place)
    before = len(proxy.calls)
    proxy.latency = latency
    started_at = time.perf_counter()
    job = job_from_upload(running.context.place, UploadOptions(str(file), size.customer))
    start_job(running.context, job)
    scoring = _measure_scoring_rate(running, job, size.rows)
    running.wait_for_job(job, poll_seconds=0.01)
    return MeasuredRun(time.perf_counter() - started_at, scoring, len(proxy.calls) - before)


def _measure_scoring_rate(running: ServiceProcess, job: Job, rows: int) -> float:
    """Return the rows a second from the first part to the last; 0 for a job of one part."""
    chunks = -(-rows // from_environment().chunk_rows)
    observed: list[tuple[float, int]] = []  # time, and number of parts
    deadline = time.monotonic() + _TIMEOUT
    while (not observed or observed[-1][1] < chunks) and time.monotonic() < deadline:
        progress = running.context.board.progress(job.id, [])
        if progress is not None and progress.parts > (observed[-1][1] if observed else 0):
            observed.append((time.perf_counter(), progress.parts))
        if progress is not None and progress.status != "running":
            break
        time.sleep(0.01)
    (started_at, first), (ended, last) = observed[0], observed[-1]
    return (last - first) * rows / chunks / (ended - started_at) if last > first else 0.0


@contextmanager
def _start_warm_service(root: str, place: Place, upload: Path) -> Iterator[ServiceProcess]:
    """Start workers that share the cores as in `chorus score`, each with its model loaded."""
    registry = ModelRegistry(place)
    cores = from_environment().cores
    threads = share_threads(
        cores, {model: find_kind(registry.resolve(model).kind).max_threads for model in MODELS}
    )
    with start_service(root, threads) as running:
        for customer in (ALL_MODELS, "sentiment-bow"):
            job = job_from_upload(place, UploadOptions(str(upload), customer))
            start_job(running.context, job)
            running.wait_for_job(job, poll_seconds=0.05)
        yield running


def _copy_to_bucket(published: Path, place: Place) -> None:
    """Copy a root from this disk into the bucket."""
    for folder, _, names in os.walk(published, followlinks=True):
        for name in names:
            file = Path(folder, name)
            place.create(file.relative_to(published).as_posix(), file.read_bytes())


def _remove_results(place: Place) -> None:
    """Remove feedback, jobs, labels and scores; keep what was published."""
    for folder in ("feedback", "jobs", "labelled", "scores", "sketches"):
        _clear(place, folder)


def _clear(place: Place, folder: str) -> None:
    place.clear(folder)
    for subfolder in place.names(folder):
        _clear(place, f"{folder}/{subfolder}")


def _upload(folder: Path, size: JobSize, run: str) -> Path:
    """Write an upload of tweets in which no text occurs twice, nor in any other run.

    So nothing that a process has cached from one run helps another.
    """
    file = folder / f"{size.rows}.csv"
    texts: Sequence[str] = real_texts(min(size.rows, 32768))
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = (
            (number, f"{text} {number} {run}")
            for number, text in enumerate(islice(cycle(texts), size.rows))
        )
        csv.writer(opened).writerows([("id", "text"), *rows])
    return file


if __name__ == "__main__":
    main()
