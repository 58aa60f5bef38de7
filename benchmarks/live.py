"""Watch `chorus up` scale six transformers on one machine that has memory for three.

`chorus up` runs as its users run it. This script submits uploads of six customers at the times in
BURSTS, and takes a sample four times a second: waiting rows and workers from the board, memory from
the kernel. Each model has run once before, so that its memory is measured and its network is
compiled. Prints the times of each upload and a table, and draws the run.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from support.area_chart import COLOURS, GREY, AreaPanel, Layer, draw_area_chart
from support.demo_models import real_texts, root_with_models
from support.job_builder import job_from_texts
from support.report import AtMost, Target, median
from support.service import temporary_root
from support.service_sample import Sample, is_done, take_sample

from chorus.common.settings import Settings, from_environment
from chorus.service.connection import context_for
from chorus.service.service_lock import running_broker
from ensemble.spec import Ensemble, EnsembleRegistry, Member
from ensemble.spec import Target as EnsembleTarget
from models.interface.manifest import ModelSpec
from models.publishing.registry import ModelRegistry
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.jobs import Job
from tasks.board.context import Context
from tasks.board.roster import Roster
from tasks.board.worker_profile import read_profile
from tasks.jobs.startup_timing import read_startup
from tasks.jobs.submit import start_job
from workers.processes.child_process import ChildProcess

ENCODER = "sentiment-minilm"
# each has a model of the same name
CUSTOMERS = ("ada", "bell", "curie", "darwin", "euler", "fermi")
WORKERS_THAT_FIT = 3.3  # into the memory; a worker's memory varies by a few per cent
CHORUS_TOML = b"[defaults]\nkeep_warm = 8\ndrain = 15\n"
POLL_SECONDS = 0.25  # seconds
_TIMEOUT = 600.0


class Burst(NamedTuple):
    """An upload: seconds from the start, customer, and number of rows."""

    at: float
    customer: str
    rows: int


BURSTS = (
    Burst(0, "ada", 4_000),
    Burst(10, "bell", 12_000),
    Burst(14, "curie", 300),
    Burst(25, "darwin", 200),
    Burst(27, "euler", 5_000),
    Burst(29, "fermi", 500),
    *(Burst(85, customer, 2_000) for customer in CUSTOMERS),
    Burst(90, "curie", 50),
    Burst(135, "fermi", 20_000),
    Burst(142, "ada", 100),
)


@dataclass
class Upload:
    """A submitted burst and when it was done, in seconds on the monotonic clock."""

    burst: Burst
    submitted: float
    job: Job
    done: float | None = None


@dataclass
class LiveRun:
    """Uploads and samples, from the first submission until the last worker has stopped."""

    uploads: list[Upload] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


def run_live(svg: Path | None) -> tuple[dict[str, float], dict[str, Target]]:
    """Run the bursts and print each upload. Returns the measures and their targets."""
    with temporary_root() as root:
        place = _root_with_six_models(root)
        settings = from_environment({**os.environ, "CHORUS_HOME": str(root)})
        settings = replace(settings, broker_url=None)
        with _run_chorus_up(settings) as (_, context):
            _warm_up(context)
            worker_memory = max(
                read_profile(place, context.board, name).memory for name in CUSTOMERS
            )
        settings = replace(settings, memory=int(WORKERS_THAT_FIT * worker_memory))
        with _run_chorus_up(settings) as (process, context):
            run = _follow(process, context)
            _print(run, context)
    measures = _measures(run, settings.memory)
    if svg:
        svg.write_text(_picture(run, settings.memory, measures["one worker, MB"]))
    return measures, {"peak memory of the workers / the budget": AtMost(1.0)}


def _root_with_six_models(root: Path) -> Place:
    """Publish the demo's encoder six times, as six models of six customers.

    Each copy has its own files.
    """
    with temporary_root() as demo_root:
        source = ModelRegistry(root_with_models(demo_root, ENCODER))
        published = source.resolve(ENCODER)
        spec = ModelSpec(**{name: getattr(published, name) for name in ModelSpec.model_fields})
        place = open_place(str(root))
        with source.verified(published) as folder, temporary_root() as files:
            for artifact in published.artifacts:
                (files / artifact.file).symlink_to((folder / artifact.file).resolve())
            for name in CUSTOMERS:
                model = ModelRegistry(place).publish(name, files, spec, datetime.now(UTC))
                target = EnsembleTarget(
                    name=model.target.name, mode=model.target.mode, members=(Member(model=name),)
                )
                EnsembleRegistry(place).publish(
                    name, Ensemble(targets=(target,)), datetime.now(UTC)
                )
    lines = [f'[customers.{customer}]\nensemble = "{customer}"\n' for customer in CUSTOMERS]
    place.create("customers.toml", "".join(lines).encode())
    place.create("chorus.toml", CHORUS_TOML)
    return place


@contextmanager
def _run_chorus_up(settings: Settings) -> Iterator[tuple[ChildProcess, Context]]:
    """Run `chorus up` in its own process, with its own broker."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("CHORUS_")
    } | {
        "CHORUS_HOME": settings.home,
        "CHORUS_MEMORY": str(settings.memory // 10**6),
    }
    process = ChildProcess(
        "up", [sys.executable, "-m", "chorus", "up"], settings.run / "up.log", environment
    )
    try:
        _wait(lambda: running_broker(settings.run) is not None, process)
        address = running_broker(settings.run)
        assert address is not None  # noqa: S101 — _wait saw it
        context = context_for(settings, address)
        _wait(lambda: bool(Roster(context.board).machines()), process)
        yield process, context
    finally:
        process.stop(grace=60)


def _wait(condition: Callable[[], bool], process: ChildProcess) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        if process.exit_status() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"this took too long, or the service ended: {process.log_tail()}")
        time.sleep(POLL_SECONDS)


def _warm_up(context: Context) -> None:
    """Score one chunk with each model."""
    for number, customer in enumerate(CUSTOMERS):
        job = _submit(context, Burst(0, customer, 2_048), f"warm-up {number}")
        deadline = time.monotonic() + _TIMEOUT
        while not is_done(context, job):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the warm-up of {customer} is not done")
            time.sleep(POLL_SECONDS)


def _submit(context: Context, burst: Burst, suffix: str) -> Job:
    """Submit an upload that shares no chunk with another."""
    job = job_from_texts(
        context.place, burst.customer, [f"{text} {suffix}" for text in _texts()[: burst.rows]]
    )
    start_job(context, job)
    return job


@cache
def _texts() -> list[str]:
    return real_texts(max(burst.rows for burst in BURSTS))


def _follow(process: ChildProcess, context: Context) -> LiveRun:
    """Submit the bursts at their times; take samples until all jobs and all workers have ended."""
    run, started_at = LiveRun(), time.monotonic()

    def submit() -> None:
        for number, burst in enumerate(BURSTS):
            time.sleep(max(0.0, started_at + burst.at - time.monotonic()))
            submitted = time.monotonic() - started_at
            run.uploads.append(Upload(burst, submitted, _submit(context, burst, f"no {number}")))

    submitting = Thread(target=submit, daemon=True)
    submitting.start()
    while True:
        now = time.monotonic() - started_at
        sample = take_sample(now, context, process.pid, CUSTOMERS)
        run.samples.append(sample)
        for upload in run.uploads:
            if upload.done is None and is_done(context, upload.job):
                upload.done = now
        if (
            not submitting.is_alive()
            and not sample.workers
            and all(upload.done is not None for upload in run.uploads)
        ):
            if len(run.uploads) < len(BURSTS):
                raise RuntimeError("an upload could not be submitted")
            return run
        if process.exit_status() is not None or now > _TIMEOUT:
            raise RuntimeError(f"not done after {now:.0f} s: {process.log_tail()}")
        time.sleep(max(0.0, POLL_SECONDS - (time.monotonic() - started_at - now)))


def _print(run: LiveRun, context: Context) -> None:
    """Print the seconds of each upload, and those of the stages to its first scores."""
    stage_names = ("waiting", "starting", "loading", "scoring")
    print(
        f"\n{'at':>5}  {'customer':<9}{'rows':>7}{'done after':>12}"
        + "".join(f"{name:>10}" for name in stage_names)
    )
    for upload in run.uploads:
        assert upload.done is not None  # noqa: S101 — _follow waited for it
        startup = read_startup(context.board, upload.job.id).models[upload.burst.customer]
        stages = (startup.waiting, startup.starting, startup.loading, startup.scoring)
        print(
            f"{upload.burst.at:>5.0f}  {upload.burst.customer:<9}{upload.burst.rows:>7,}"
            f"{upload.done - upload.submitted:>12.1f}"
            + "".join(f"{seconds:>10.1f}" for seconds in stages)
        )


def _measures(run: LiveRun, budget: int) -> dict[str, float]:
    seconds = [sample.at for sample in run.samples]
    workers = [
        sum(size for model, size in sample.memory.items() if model) for sample in run.samples
    ]
    service = [sample.memory[""] for sample in run.samples]
    ready_memory = [
        sample.memory[worker.model]
        / len([other for other in sample.workers if other.model == worker.model])
        for sample in run.samples
        for worker in sample.workers
        if worker.state in ("idle", "busy") and worker.model in sample.memory
    ]
    worker_memory = median(ready_memory)
    duration = seconds[-1] - seconds[0]
    worker_seconds, always_on = (
        _integrate(seconds, workers),
        len(CUSTOMERS) * worker_memory * duration,
    )
    started = {worker.id for sample in run.samples for worker in sample.workers}
    latencies = [
        upload.done - upload.submitted for upload in run.uploads if upload.done is not None
    ]
    return {
        "jobs": len(run.uploads),
        "rows": sum(upload.burst.rows for upload in run.uploads),
        "seconds until the last worker had gone": duration,
        "from submission to done, median s": median(latencies),
        "from submission to done, longest s": max(latencies),
        "cold starts": len(started),
        "most workers at once": max(len(sample.workers) for sample in run.samples),
        "most messages in all queues": max(sample.messages for sample in run.samples),
        "one worker, MB": worker_memory / 1e6,
        "budget of the workers, MB": budget / 1e6,
        "peak memory of the workers, MB": max(workers) / 1e6,
        "peak memory of the workers / the budget": max(workers) / budget,
        "the service itself, peak MB": max(service) / 1e6,
        "memory of the workers, GB s": worker_seconds / 1e9,
        "the same of six that are always on, GB s": always_on / 1e9,
        "ratio: workers / six always on": worker_seconds / always_on,
        "ratio: with the service itself on both sides": (
            worker_seconds + _integrate(seconds, service)
        )
        / (always_on + _integrate(seconds, service)),
        "share of the time with no worker": _integrate(
            seconds, [not sample.workers for sample in run.samples]
        )
        / duration,
    }


def _integrate(seconds: Sequence[float], values: Sequence[float]) -> float:
    """Return the area below steps, each of which lasts until the next sample."""
    return sum(
        value * (end - at) for value, at, end in zip(values, seconds, seconds[1:], strict=False)
    )


def _picture(run: LiveRun, budget: int, worker_memory: float) -> str:
    colours = dict(zip(CUSTOMERS, COLOURS, strict=True))
    samples = run.samples
    rows = [
        Layer(colours[name], [sample.rows.get(name, 0) for sample in samples]) for name in CUSTOMERS
    ]
    workers = [
        Layer(
            colours[name],
            [sample.count(name, starting=starting) for sample in samples],
            pale=starting,
        )
        for name in CUSTOMERS
        for starting in (False, True)
    ]
    memory = [Layer(GREY, [sample.memory[""] / 1e6 for sample in samples])] + [
        Layer(colours[name], [sample.memory.get(name, 0) / 1e6 for sample in samples])
        for name in CUSTOMERS
    ]
    base = max(sample.memory[""] for sample in samples) / 1e6
    levels = {
        "the service and six workers that are always on": base + len(CUSTOMERS) * worker_memory,
        "the service and the budget of its workers": base + budget / 1e6,
    }
    return draw_area_chart(
        f"Six models, {len(run.uploads)} uploads, room for three workers",
        [sample.at - samples[0].at for sample in samples],
        [
            AreaPanel("Rows that wait or are in work", rows),
            AreaPanel("Workers (pale: starting)", workers),
            AreaPanel("Resident memory, MB", memory, levels),
        ],
        {colours[name]: name for name in CUSTOMERS} | {GREY: "the service"},
    )
