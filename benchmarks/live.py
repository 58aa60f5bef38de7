"""Six transformers on one machine with room for three: bursts of six customers, and the service as
it follows them.

`chorus up` runs as its users run it. This script submits uploads at the times in BURSTS and looks
from outside, four times a second: at the board for rows that wait and workers, at the kernel for
memory. Each model has been up once before, so that its needs are known and its network is compiled.
Prints what became of each upload, and a table; draws the run.
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

from support.areas import COLOURS, GREY, Layer, Panel, picture
from support.demo_models import home_with, real_texts
from support.front_door import job_for
from support.report import AtMost, Target, median
from support.service import home
from support.watch import Sample, is_done, look

from chorus.common.settings import Settings, from_environment
from chorus.service.connection import context_for
from chorus.service.service_lock import running_broker
from ensemble.spec import Ensemble, EnsembleRegistry, Member
from ensemble.spec import Target as Question
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
ROOM = 3.3  # workers that fit into the memory; it varies by a few per cent what one takes
CHORUS_TOML = b"[defaults]\nkeep_warm = 8\ndrain = 15\n"
LOOK_EVERY = 0.25  # seconds
_PATIENCE = 600.0


class Burst(NamedTuple):
    """An upload: when, in seconds; whose; how many rows."""

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
    """What became of a burst; times on the monotonic clock."""

    burst: Burst
    submitted: float
    job: Job
    done: float | None = None


@dataclass
class Run:
    """What was seen, from the first submission until all workers had gone."""

    uploads: list[Upload] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


def live(svg: Path | None) -> tuple[dict[str, float], dict[str, Target]]:
    """Run the bursts. Returns the measures and their targets; prints what became of each upload."""
    with home() as root:
        place = _home_of_six(root)
        settings = from_environment({**os.environ, "CHORUS_HOME": str(root)})
        settings = replace(settings, broker_url=None)
        with _up(settings) as (_, context):
            _warm_up(context)
            each = max(read_profile(place, context.board, name).memory for name in CUSTOMERS)
        settings = replace(settings, memory=int(ROOM * each))
        with _up(settings) as (process, context):
            run = _follow(process, context)
            _print(run, context)
    measures = _measures(run, settings.memory)
    if svg:
        svg.write_text(_picture(run, settings.memory, measures["one worker, MB"]))
    return measures, {"peak memory of the workers / the budget": AtMost(1.0)}


def _home_of_six(root: Path) -> Place:
    """The demo's encoder six times, as six models of six customers: each copy has files of its own."""
    with home() as demo:
        source = ModelRegistry(home_with(demo, ENCODER))
        published = source.resolve(ENCODER)
        spec = ModelSpec(**{name: getattr(published, name) for name in ModelSpec.model_fields})
        place = open_place(str(root))
        with source.verified(published) as folder, home() as files:
            for artifact in published.artifacts:
                (files / artifact.file).symlink_to((folder / artifact.file).resolve())
            for name in CUSTOMERS:
                model = ModelRegistry(place).publish(name, files, spec, datetime.now(UTC))
                question = Question(
                    name=model.target.name, mode=model.target.mode, members=(Member(model=name),)
                )
                EnsembleRegistry(place).publish(
                    name, Ensemble(targets=(question,)), datetime.now(UTC)
                )
    lines = [f'[customers.{customer}]\nensemble = "{customer}"\n' for customer in CUSTOMERS]
    place.create("customers.toml", "".join(lines).encode())
    place.create("chorus.toml", CHORUS_TOML)
    return place


@contextmanager
def _up(settings: Settings) -> Iterator[tuple[ChildProcess, Context]]:
    """`chorus up` in a process of its own, with a broker of its own."""
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
        assert address is not None  # noqa: S101 — it was there a moment ago
        context = context_for(settings, address)
        _wait(lambda: bool(Roster(context.board).machines()), process)
        yield process, context
    finally:
        process.stop(grace=60)


def _wait(condition: Callable[[], bool], process: ChildProcess) -> None:
    until = time.monotonic() + _PATIENCE
    while not condition():
        if process.exit_status() is not None or time.monotonic() > until:
            raise RuntimeError(f"this took too long, or the service ended: {process.log_tail()}")
        time.sleep(LOOK_EVERY)


def _warm_up(context: Context) -> None:
    """Each model scores a chunk."""
    for number, customer in enumerate(CUSTOMERS):
        job = _submit(context, Burst(0, customer, 2_048), f"warm-up {number}")
        until = time.monotonic() + _PATIENCE
        while not is_done(context, job):
            if time.monotonic() > until:
                raise RuntimeError(f"the warm-up of {customer} is not done")
            time.sleep(LOOK_EVERY)


def _submit(context: Context, burst: Burst, words: str) -> Job:
    """Take an upload in that shares no chunk with another one."""
    job = job_for(
        context.place, burst.customer, [f"{text} {words}" for text in _texts()[: burst.rows]]
    )
    start_job(context, job)
    return job


@cache
def _texts() -> list[str]:
    return real_texts(max(burst.rows for burst in BURSTS))


def _follow(process: ChildProcess, context: Context) -> Run:
    """Submit the bursts at their times, and look until all is done and the last worker has gone."""
    run, began = Run(), time.monotonic()

    def submit() -> None:
        for number, burst in enumerate(BURSTS):
            time.sleep(max(0.0, began + burst.at - time.monotonic()))
            submitted = time.monotonic() - began
            run.uploads.append(Upload(burst, submitted, _submit(context, burst, f"no {number}")))

    submitting = Thread(target=submit, daemon=True)
    submitting.start()
    while True:
        now = time.monotonic() - began
        sample = look(now, context, process.pid, CUSTOMERS)
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
        if process.exit_status() is not None or now > _PATIENCE:
            raise RuntimeError(f"not done after {now:.0f} s: {process.log_tail()}")
        time.sleep(max(0.0, LOOK_EVERY - (time.monotonic() - began - now)))


def _print(run: Run, context: Context) -> None:
    """Each upload: from its submission to its end, and the way to its first scores."""
    head = ("waiting", "starting", "loading", "scoring")
    print(
        f"\n{'at':>5}  {'customer':<9}{'rows':>7}{'done after':>12}"
        + "".join(f"{name:>10}" for name in head)
    )
    for upload in run.uploads:
        assert upload.done is not None  # noqa: S101 — _follow waited for it
        began = read_startup(context.board, upload.job.id).models[upload.burst.customer]
        stages = (began.waiting, began.starting, began.loading, began.scoring)
        print(
            f"{upload.burst.at:>5.0f}  {upload.burst.customer:<9}{upload.burst.rows:>7,}"
            f"{upload.done - upload.submitted:>12.1f}"
            + "".join(f"{seconds:>10.1f}" for seconds in stages)
        )


def _measures(run: Run, budget: int) -> dict[str, float]:
    seconds = [sample.at for sample in run.samples]
    workers = [
        sum(size for model, size in sample.memory.items() if model) for sample in run.samples
    ]
    service = [sample.memory[""] for sample in run.samples]
    ready = [
        sample.memory[worker.model]
        / len([other for other in sample.workers if other.model == worker.model])
        for sample in run.samples
        for worker in sample.workers
        if worker.state in ("idle", "busy") and worker.model in sample.memory
    ]
    each = median(ready)
    lasted = seconds[-1] - seconds[0]
    ours, always = _over_time(seconds, workers), len(CUSTOMERS) * each * lasted
    started = {worker.id for sample in run.samples for worker in sample.workers}
    took = [upload.done - upload.submitted for upload in run.uploads if upload.done is not None]
    return {
        "jobs": len(run.uploads),
        "rows": sum(upload.burst.rows for upload in run.uploads),
        "seconds until the last worker had gone": lasted,
        "from submission to done, median s": median(took),
        "from submission to done, longest s": max(took),
        "cold starts": len(started),
        "most workers at once": max(len(sample.workers) for sample in run.samples),
        "most messages in all queues": max(sample.messages for sample in run.samples),
        "one worker, MB": each / 1e6,
        "budget of the workers, MB": budget / 1e6,
        "peak memory of the workers, MB": max(workers) / 1e6,
        "peak memory of the workers / the budget": max(workers) / budget,
        "the service itself, peak MB": max(service) / 1e6,
        "memory of the workers, GB s": ours / 1e9,
        "the same of six that are always on, GB s": always / 1e9,
        "ratio: workers / six always on": ours / always,
        "ratio: with the service itself on both sides": (ours + _over_time(seconds, service))
        / (always + _over_time(seconds, service)),
        "share of the time with no worker": _over_time(
            seconds, [not sample.workers for sample in run.samples]
        )
        / lasted,
    }


def _over_time(seconds: Sequence[float], values: Sequence[float]) -> float:
    """The area below steps, each of which lasts until the next sample."""
    return sum(
        value * (end - at) for value, at, end in zip(values, seconds, seconds[1:], strict=False)
    )


def _picture(run: Run, budget: int, each: float) -> str:
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
        "the service and six workers that are always on": base + len(CUSTOMERS) * each,
        "the service and the budget of its workers": base + budget / 1e6,
    }
    return picture(
        f"Six models, {len(run.uploads)} uploads, room for three workers",
        [sample.at - samples[0].at for sample in samples],
        [
            Panel("Rows that wait or are in work", rows),
            Panel("Workers (pale: starting)", workers),
            Panel("Resident memory, MB", memory, levels),
        ],
        {colours[name]: name for name in CUSTOMERS} | {GREY: "the service"},
    )
