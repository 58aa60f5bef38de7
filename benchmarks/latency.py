"""How long one feedback takes through a warm service: from its submission to its labelled row in
storage.

One feedback at a time, each with a text and an id of its own, so that every one is a new dataset, a
new job and new cells. The clock starts before the feedback is taken in, as a front door in this
process would do it, and stops when a reader who trusts only the manifest may read the row. The time
that the model itself needs for the text, measured alone and warm, is taken off.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from support.demo_models import home_with
from support.front_door import job_for
from support.report import AtMost, Target, report
from support.service import Service, home, service

from models.interface.compute import Compute
from storage.places.place import Place
from storage.records import labelled_output
from storage.records.jobs import Job
from tasks.jobs.submit import start_job
from workers.scoring.loaded_model import InMemoryModel

MODELS = ("sentiment-bow", "sentiment-minilm")
FEEDBACKS = 300
WARM_UP = 20
LONGEST = {"median": 30.0, "p99": 100.0}  # ms
_LOOK_EVERY = 0.0005  # seconds
_PATIENCE = 60.0


@dataclass(frozen=True)
class Times:
    """Milliseconds of each feedback: the whole way, and the model alone."""

    whole: Sequence[float]
    model: Sequence[float]

    def without_model(self, percent: float) -> float:
        """The percentile of the whole way, less the model's median."""
        return float(np.percentile(self.whole, percent) - np.median(self.model))


def main() -> None:
    measures = {"processes that wanted a core before": os.getloadavg()[0]}
    targets: dict[str, Target] = {}
    with home() as root:
        home_with(root, *MODELS)
        with service(root, dict.fromkeys(MODELS, 1)) as running:
            for model in MODELS:
                times = measure(running, model)
                for name, percent in (("median", 50.0), ("p90", 90.0), ("p99", 99.0)):
                    measures[f"{model}: {name} ms"] = times.without_model(percent)
                    if name in LONGEST:
                        targets[f"{model}: {name} ms"] = AtMost(LONGEST[name])
                measures[f"{model}: the model itself, median ms"] = float(np.median(times.model))
            measures["one durable file on this disk, median ms"] = durable_file(
                running.context.place
            )
    report("latency", measures, targets)


def measure(running: Service, model: str) -> Times:
    """One feedback after the other, for the customer who uses this model alone."""
    for number in range(WARM_UP):
        running.wait(
            submit(running, model, f"{number}: warming up, while the workers may still be starting")
        )
    texts = [
        f"Parcel {number} came late and the box was wet, but your driver was kind."
        for number in range(FEEDBACKS)
    ]
    whole = []
    for text in texts:
        began = time.perf_counter()
        wait(submit(running, model, text))
        whole.append(1e3 * (time.perf_counter() - began))
    return Times(whole, _alone(running, model, texts))


def submit(running: Service, model: str, text: str) -> Job:
    job = job_for(running.context.place, model, [text])
    start_job(running.context, job)
    return job


def wait(job: Job) -> None:
    """Until a reader may trust the result."""
    until = time.monotonic() + _PATIENCE
    success, manifest = (
        Path(job.out, labelled_output.SUCCESS),
        Path(job.out, labelled_output.MANIFEST),
    )
    while not (success.exists() and manifest.exists()):
        if time.monotonic() > until:
            raise RuntimeError(f"job {job.id} has no result after {_PATIENCE:.0f} s")
        time.sleep(_LOOK_EVERY)


def durable_file(place: Place) -> float:
    """Milliseconds for a small file that would survive a power failure: a feedback waits for
    several of them.
    """
    times = []
    for number in range(50):
        began = time.perf_counter()
        place.create(f"probe/{number}", b"one line", durable=True)
        times.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times))


def _alone(running: Service, model: str, texts: Sequence[str]) -> list[float]:
    """Milliseconds that the model takes for each text, in this process, warm: the least that could
    be taken off.
    """
    loaded = InMemoryModel(
        running.context.place, model, 1, Compute(threads=1, cache=running.settings.run / "compiled")
    )
    loaded.score(pa.array(texts[:1]))
    times = []
    for text in texts:
        began = time.perf_counter()
        loaded.score(pa.array([text]))
        times.append(1e3 * (time.perf_counter() - began))
    return times


if __name__ == "__main__":
    main()
