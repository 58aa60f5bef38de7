"""Rows a second of whole jobs, from a file to labelled parts, against what people use instead.

8,192 tweets, through one transformer, and through two transformers and a bag of words, in bfloat16
and in int8 where this processor and the models offer them, else in float32. The service is warm;
the scores of the round before are removed. Side by side, several rounds, the same cores:

    bare loop      the same engines in one process with all cores, chunk by chunk: no file, no queue, no ensemble
    pipeline       Hugging Face `pipeline`, batch 32, as it comes; scikit-learn's own pipeline for the bag of words
    Ray Data       `map_batches` with a pool of actors, one a core, that each hold such a pipeline and call it as the
                   documentation of Ray Data does, which leaves its batch at one; for comparison also with batch 32

The last two take the models' encoders with standard heads of random weights (the published heads
are of no kind that `pipeline` knows), and every eighth of the texts: they are slow, and a rate is a
rate. Their start is not counted; of Ray Data, the time from the first batch that an actor begins to
the last that one ends, though the second actor may begin a little later.
"""

import csv
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import openvino
import pyarrow as pa
from support.demo_models import TOGETHER, as_found_elsewhere, home_with, real_texts
from support.front_door import job_from
from support.peers import Pipelines, RayData
from support.report import AtLeast, Target, median, report
from support.service import Service, home, service

from chorus.common.settings import from_environment
from intake.dataset.upload import UploadOptions
from models.interface.compute import Compute
from models.interface.precision import Precision, choose_precision
from models.interface.scorer import Scorer, score
from models.kinds.table import find_kind, open_scorer
from models.publishing.registry import ModelRegistry
from models.transformer.openvino_scorer import has_bfloat16
from storage.places.place import Place
from tasks.jobs.submit import start_job
from workers.autoscaling.thread_share import share_threads

TEXTS = 8192
EVERY = 8  # of these the slow ones score one in so many
ROUNDS = 3
LINEUPS = {
    "1 transformer": ("sentiment-minilm",),
    "2 transformers + 1 bow": ("sentiment-minilm", "topics-minilm", "sentiment-bow"),
}
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
LEAST: dict[str, dict[Precision, float]] = {  # of the rate of each
    "bare loop": dict.fromkeys(PRECISIONS, 0.9),
    "pipeline": {"bfloat16": 4.0, "int8": 6.0},
    "Ray Data": {"bfloat16": 8.0, "int8": 8.0},
}


def main() -> None:
    cores = from_environment().cores
    texts = real_texts(TEXTS)
    # (line-up, what) → texts a second
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for lineup, models in LINEUPS.items():
        with ExitStack() as stack:
            root = stack.enter_context(home())
            place = home_with(root, *models)
            folders = stack.enter_context(as_found_elsewhere(place, *models))
            contenders: dict[str, Contender] = {}
            # a model that does not offer it uses its next best
            for precision in precisions(place, models[0]):
                running = stack.enter_context(warm_service(root, place, models, cores, precision))
                contenders[f"Chorus, {precision}"] = Chorus(running, root, texts)
                contenders[f"bare loop, {precision}"] = BareLoop(
                    place, models, cores, precision, texts
                )
            contenders["pipeline"] = Pipelines(folders, cores, texts[::EVERY], batch=32)
            contenders["Ray Data"] = RayData(folders, cores, texts[::EVERY], batch=1)
            contenders["Ray Data, batch 32"] = RayData(folders, cores, texts[::EVERY], batch=32)
            for number in range(ROUNDS):
                for what, contender in contenders.items():
                    rates[lineup, what].append(contender.rate())
                    print(
                        f"round {number + 1}, {lineup}, {what}: {rates[lineup, what][-1]:,.0f} texts a second"
                    )
    measures, targets = judged(rates)
    report("throughput", measures, targets)


class Contender(Protocol):
    """Something that scores the texts."""

    def rate(self) -> float:
        """Texts a second."""
        ...


def judged(rates: dict[tuple[str, str], list[float]]) -> tuple[dict[str, float], dict[str, Target]]:
    """Median rates, and the medians of the ratios round by round. What could not be measured here
    is not met.
    """
    measures = {
        f"{lineup}: {what}, texts a second": median(found)
        for (lineup, what), found in rates.items()
    }
    targets: dict[str, Target] = {}
    for lineup in LINEUPS:
        for precision in PRECISIONS:
            found = rates.get((lineup, f"Chorus, {precision}"), [])
            for other, least in LEAST.items():
                ratio = f"{lineup}: Chorus in {precision} / {other}"
                beside = rates[lineup, f"{other}, {precision}" if other == "bare loop" else other]
                if found:
                    measures[ratio] = median(
                        [one / another for one, another in zip(found, beside, strict=True)]
                    )
                if precision in least and (found or precision != "float32"):
                    targets[ratio] = AtLeast(least[precision])
    return measures, targets


def precisions(place: Place, model: str) -> list[Precision]:
    """Those faster than float32 that the model offers on this processor, or float32 if there is
    none.
    """
    native, checks = has_bfloat16(openvino.Core()), ModelRegistry(place).resolve(model).precisions
    return [one for one in PRECISIONS[1:] if choose_precision(one, native, checks) == one] or [
        "float32"
    ]


@contextmanager
def warm_service(
    root: Path, place: Place, models: Sequence[str], cores: int, precision: Precision
) -> Iterator[Service]:
    """Workers that share the cores as those of `chorus score` do."""
    registry = ModelRegistry(place)
    threads = share_threads(
        cores, {model: find_kind(registry.resolve(model).kind).max_threads for model in models}
    )
    with service(root, threads, {"CHORUS_PRECISION": precision}) as running:
        yield running


class Chorus:
    """A job for all models together, from a file, by workers that are warm."""

    def __init__(self, running: Service, root: Path, texts: list[str]) -> None:
        self._running, self._root = running, root
        self._texts = texts[:512]
        self.rate()
        self._texts = texts

    def rate(self) -> float:
        """Texts a second, from the file to the manifest."""
        for folder in ("feedback", "jobs", "labelled", "scores"):
            shutil.rmtree(self._root / folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
            file = Path(folder, "upload.csv")
            with file.open("w", newline="", encoding="utf-8") as opened:
                csv.writer(opened).writerows([("id", "text"), *enumerate(self._texts)])
            began = time.perf_counter()
            job = job_from(self._running.context.place, UploadOptions(str(file), TOGETHER))
            start_job(self._running.context, job)
            # looking takes processor time from the workers
            self._running.wait(job, look_every=0.05)
            return len(self._texts) / (time.perf_counter() - began)


class BareLoop:
    """Every model over every chunk of the texts, in this process."""

    def __init__(
        self,
        place: Place,
        models: Sequence[str],
        cores: int,
        precision: Precision,
        texts: list[str],
    ) -> None:
        registry, self._scorers = ModelRegistry(place), list[Scorer[Any, Any]]()
        rows = from_environment().chunk_rows
        self._chunks = [pa.array(texts[at : at + rows]) for at in range(0, len(texts), rows)]
        for model in models:
            manifest = registry.resolve(model)
            with registry.verified(manifest) as folder:
                self._scorers.append(
                    open_scorer(manifest, folder, Compute(threads=cores, precision=precision))
                )
                self._scorers[-1].load()
        self._score(self._chunks[0][:512])

    def rate(self) -> float:
        """Texts a second."""
        began = time.perf_counter()
        for chunk in self._chunks:
            self._score(chunk)
        return sum(map(len, self._chunks)) / (time.perf_counter() - began)

    def _score(self, texts: pa.StringArray) -> None:
        for scorer in self._scorers:
            score(scorer, texts)


if __name__ == "__main__":
    main()
