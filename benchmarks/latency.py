"""Measure the latency of one feedback through a warm service, from submission to labelled row.

Feedback is submitted one at a time, each with its own text and id, so that each is a new dataset, a
new job and new cells. The clock starts before the feedback is stored, as in a web server that calls
Chorus, and stops when the manifest says that the row may be read. The time that the model itself
needs for the text, measured separately in a warm process, is subtracted.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from support.demo_models import root_with_models
from support.job_builder import job_from_texts
from support.report import AtMost, Target, report
from support.service import ServiceProcess, start_service, temporary_root

from models.interface.compute import Compute
from storage.places.place import Place
from storage.records import labelled_output
from storage.records.jobs import Job
from tasks.jobs.submit import start_job
from workers.scoring.in_memory_model import InMemoryModel

MODELS = ("sentiment-bow", "sentiment-minilm")
FEEDBACKS = 300
WARM_UP = 20
LARGEST_MS = {"median": 30.0, "p99": 100.0}  # ms
_POLL_SECONDS = 0.0005  # seconds
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Latencies:
    """Milliseconds of each feedback: in all, and of the model alone."""

    whole: Sequence[float]
    model: Sequence[float]

    def without_model(self, percent: float) -> float:
        """Return a percentile of the whole latency, less the model's median."""
        return float(np.percentile(self.whole, percent) - np.median(self.model))


def main() -> None:
    measures = {"processes that wanted a core before": os.getloadavg()[0]}
    targets: dict[str, Target] = {}
    with temporary_root() as root:
        root_with_models(root, *MODELS)
        with start_service(root, dict.fromkeys(MODELS, 1)) as running:
            for model in MODELS:
                times = measure(running, model)
                for name, percent in (("median", 50.0), ("p90", 90.0), ("p99", 99.0)):
                    measures[f"{model}: {name} ms"] = times.without_model(percent)
                    if name in LARGEST_MS:
                        targets[f"{model}: {name} ms"] = AtMost(LARGEST_MS[name])
                measures[f"{model}: the model itself, median ms"] = float(np.median(times.model))
            measures["one durable file on this disk, median ms"] = time_durable_file(
                running.context.place
            )
    report("latency", measures, targets)


def measure(running: ServiceProcess, model: str) -> Latencies:
    """Submit one feedback after the other, for the customer whose ensemble is this model alone."""
    for number in range(WARM_UP):
        running.wait_for_job(
            submit(running, model, f"{number}: warming up, while the workers may still be starting")
        )
    texts = [
        f"Parcel {number} came late and the box was wet, but your driver was kind."
        for number in range(FEEDBACKS)
    ]
    whole = []
    for text in texts:
        started_at = time.perf_counter()
        wait_for_result(submit(running, model, text))
        whole.append(1e3 * (time.perf_counter() - started_at))
    return Latencies(whole, _time_model_alone(running, model, texts))


def submit(running: ServiceProcess, model: str, text: str) -> Job:
    job = job_from_texts(running.context.place, model, [text])
    start_job(running.context, job)
    return job


def wait_for_result(job: Job) -> None:
    """Wait until the job's manifest and success marker exist."""
    deadline = time.monotonic() + _TIMEOUT
    success, manifest = (
        Path(job.out, labelled_output.SUCCESS),
        Path(job.out, labelled_output.MANIFEST),
    )
    while not (success.exists() and manifest.exists()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"job {job.id} has no result after {_TIMEOUT:.0f} s")
        time.sleep(_POLL_SECONDS)


def time_durable_file(place: Place) -> float:
    """Return the median milliseconds to write a small file that survives a power failure.

    Each feedback waits for several such files.
    """
    times = []
    for number in range(50):
        started_at = time.perf_counter()
        place.create(f"probe/{number}", b"one line", durable=True)
        times.append(1e3 * (time.perf_counter() - started_at))
    return float(np.median(times))


def _time_model_alone(running: ServiceProcess, model: str, texts: Sequence[str]) -> list[float]:
    """Return the milliseconds that the warm model needs for each text, in this process."""
    loaded = InMemoryModel(
        running.context.place, model, 1, Compute(threads=1, cache=running.settings.run / "compiled")
    )
    loaded.score(pa.array(texts[:1]))
    times = []
    for text in texts:
        started_at = time.perf_counter()
        loaded.score(pa.array([text]))
        times.append(1e3 * (time.perf_counter() - started_at))
    return times


if __name__ == "__main__":
    main()
