"""How long one feedback takes through a warm service: from its submission to its labelled row in storage.

One feedback at a time, each with a text and an id of its own, so that every one is a new dataset, a new job and new
cells. The clock starts before the feedback is taken in, as a front door in this process would do it, and stops when a
reader who trusts only the manifest may read the row. The time that the model itself needs for the text, measured
alone and warm, is taken off.
"""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from demo_models import registry_with
from report import AtMost, Target, report
from service import Service, home, service

from ensemble.spec import Ensemble, EnsembleRegistry, Member
from ensemble.spec import Target as Question
from intake.upload import Upload, take_in
from models.registry import ModelRegistry
from storage import labelled
from storage.jobs import Job
from storage.place import place_at
from tasks.submit import create_job, line_up, start
from workers.scoring import Loaded

MODELS = ("sentiment-bow", "sentiment-minilm")
FEEDBACKS = 300
WARM_UP = 20
TARGETS: dict[str, Target] = {"median ms": AtMost(30), "p99 ms": AtMost(100)}


@dataclass(frozen=True)
class Times:
    """Milliseconds of each feedback: the whole way, and the model alone."""

    whole: Sequence[float]
    model: Sequence[float]

    def percentile(self, percent: float) -> float:
        """Of the way without the model."""
        own = np.median(self.model)
        return float(np.percentile(np.array(self.whole), percent) - own)


def main() -> None:
    measures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    with home() as root:
        registry = registry_with(*MODELS)
        for model in MODELS:
            _adopt(root, registry, model)
        with service(root, dict.fromkeys(MODELS, 1)) as running:
            for model in MODELS:
                times = measure(running, model)
                for name, percent in (("median", 50.0), ("p99", 99.0), ("worst", 100.0)):
                    measures[f"{model}: {name} ms"] = times.percentile(percent)
                measures[f"{model}: the model itself, median ms"] = float(np.median(times.model))
                targets |= {f"{model}: {name}": target for name, target in TARGETS.items()}
    report("latency", measures, targets)


def measure(running: Service, model: str) -> Times:
    """One feedback after the other for the customer who uses this model alone."""
    texts = [f"Parcel {number} came late and the box was wet, but {model} said sorry." for number in range(FEEDBACKS)]
    running.wait(submit(running, model, "a first one, for which the workers may still be starting"))
    for number in range(WARM_UP):
        running.wait(submit(running, model, f"warming up, for the {number}th time, before the clock is read"))
    whole = []
    for text in texts:
        began = time.perf_counter()
        job = submit(running, model, text)
        _wait_for(job)
        whole.append(1e3 * (time.perf_counter() - began))
    return Times(whole, _alone(running, model, texts))


def submit(running: Service, model: str, text: str) -> Job:
    """As a front door would hand over a feedback: nothing but the text comes from outside."""
    place = running.context.place
    lineup = line_up(place, model)
    record = json.dumps({"id": f"{model} {time.time_ns()}", "text": text}).encode() + b"\n"
    upload = Upload(path="-", customer=model, format="jsonl", encoding="utf-8")
    dataset = take_in(place, upload, io.BytesIO(record), _heard)
    job = create_job(place, dataset, lineup, out=None, keep_text=True, keep_columns=False)
    start(running.context, job)
    return job


def _wait_for(job: Job) -> None:
    until = time.monotonic() + 60
    folder = Path(job.out)
    while not ((folder / labelled.SUCCESS).exists() and (folder / labelled.MANIFEST).exists()):
        if time.monotonic() > until:
            raise RuntimeError(f"job {job.id} has no manifest after 60 s")
        time.sleep(0.0005)


def _alone(running: Service, model: str, texts: Sequence[str]) -> list[float]:
    """Milliseconds the model takes for each text, in this process, warm: the least that could be taken off."""
    loaded = Loaded(running.context.place, model, 1, 1, running.settings.run / "compiled")
    loaded.score(pa.array(texts[:1]))
    times = []
    for text in texts:
        began = time.perf_counter()
        loaded.score(pa.array([text]))
        times.append(1e3 * (time.perf_counter() - began))
    return times


def _adopt(root: Path, registry: Path, model: str) -> None:
    """The published model, and a customer of its name who uses nothing else."""
    place = place_at(str(root))
    (root / "registry/models").mkdir(parents=True, exist_ok=True)
    (root / "registry/models" / model).symlink_to(registry / "models" / model)
    found = ModelRegistry(place).resolve(model).target
    question = Question(name=found.name, mode=found.mode, members=(Member(model=model),))
    EnsembleRegistry(place).publish(model, Ensemble(targets=(question,)))
    with (root / "customers.toml").open("a") as customers:
        customers.write(f'[customers.{model}]\nensemble = "{model}"\n')


def _heard(_: str) -> None:
    """Notices for people, of which there are none here."""


if __name__ == "__main__":
    main()
