"""Measure the rows a second of whole jobs, from a file to labelled parts, against alternatives.

8,192 tweets go through one transformer, and through two transformers and a bag of words, in
bfloat16 and in int8 where this processor and the models support them, else in float32. The service
is warm; the scores of the round before are removed. All run on the same cores, in turn, for several
rounds:

    bare loop      the same engines in one process with all cores, chunk by chunk: no file, no
                   queue, no ensemble
    pipeline       Hugging Face `pipeline`, batch 32, with its defaults; scikit-learn's own
                   pipeline for the bag of words
    Ray Data       `map_batches` with a pool of actors, one a core. Each holds such a pipeline and
                   calls it as the documentation of Ray Data does, which leaves its batch at 1; for
                   comparison also with batch 32

The last two use the models' encoders with standard heads of random weights (`pipeline` cannot load
the published heads), and every eighth text, because they are slow. Their start is not counted. Of
Ray Data, the time runs from the first batch that an actor begins to the last that one ends, though
the second actor may begin a little later.
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
from support.baselines import Pipelines, RayData
from support.demo_models import ALL_MODELS, open_standard_folders, real_texts, root_with_models
from support.job_builder import job_from_upload
from support.report import AtLeast, Target, median, report
from support.service import ServiceProcess, start_service, temporary_root

from chorus.common.settings import from_environment
from intake.dataset.upload_options import UploadOptions
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
SLOW_SAMPLE_STEP = 8  # the slow contenders score every eighth text
ROUNDS = 3
MODEL_SETS = {
    "1 transformer": ("sentiment-minilm",),
    "2 transformers + 1 bow": ("sentiment-minilm", "topics-minilm", "sentiment-bow"),
}
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")
LEAST_RATIOS: dict[str, dict[Precision, float]] = {  # Chorus's rate over that of each
    "bare loop": dict.fromkeys(PRECISIONS, 0.9),
    "pipeline": {"bfloat16": 4.0, "int8": 6.0},
    "Ray Data": {"bfloat16": 8.0, "int8": 8.0},
}


def main() -> None:
    cores = from_environment().cores
    texts = real_texts(TEXTS)
    # (line-up, what) → texts a second
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for model_set, models in MODEL_SETS.items():
        with ExitStack() as stack:
            root = stack.enter_context(temporary_root())
            place = root_with_models(root, *models)
            folders = stack.enter_context(open_standard_folders(place, *models))
            contenders: dict[str, Contender] = {}
            # a model without this precision uses its next best
            for precision in faster_precisions(place, models[0]):
                running = stack.enter_context(warm_service(root, place, models, cores, precision))
                contenders[f"Chorus, {precision}"] = WarmChorus(running, root, texts)
                contenders[f"bare loop, {precision}"] = BareLoop(
                    place, models, cores, precision, texts
                )
            contenders["pipeline"] = Pipelines(folders, cores, texts[::SLOW_SAMPLE_STEP], batch=32)
            contenders["Ray Data"] = RayData(folders, cores, texts[::SLOW_SAMPLE_STEP], batch=1)
            contenders["Ray Data, batch 32"] = RayData(
                folders, cores, texts[::SLOW_SAMPLE_STEP], batch=32
            )
            for number in range(ROUNDS):
                for contender_name, contender in contenders.items():
                    rates[model_set, contender_name].append(contender.rate())
                    print(
                        f"round {number + 1}, {model_set}, {contender_name}: "
                        f"{rates[model_set, contender_name][-1]:,.0f} texts a second"
                    )
    measures, targets = summarize(rates)
    report("throughput", measures, targets)


class Contender(Protocol):
    """A way to score the texts."""

    def rate(self) -> float:
        """Score the texts and return how many a second."""
        ...


def summarize(
    rates: dict[tuple[str, str], list[float]],
) -> tuple[dict[str, float], dict[str, Target]]:
    """Return median rates, and medians of the ratios round by round, with their targets.

    A target that could not be measured here is not met.
    """
    measures = {
        f"{model_set}: {contender_name}, texts a second": median(contender_rates)
        for (model_set, contender_name), contender_rates in rates.items()
    }
    targets: dict[str, Target] = {}
    for model_set in MODEL_SETS:
        for precision in PRECISIONS:
            chorus_rates = rates.get((model_set, f"Chorus, {precision}"), [])
            for baseline, least_ratios in LEAST_RATIOS.items():
                ratio = f"{model_set}: Chorus in {precision} / {baseline}"
                baseline_rates = rates[
                    model_set, f"{baseline}, {precision}" if baseline == "bare loop" else baseline
                ]
                if chorus_rates:
                    measures[ratio] = median(
                        [
                            chorus_rate / baseline_rate
                            for chorus_rate, baseline_rate in zip(
                                chorus_rates, baseline_rates, strict=True
                            )
                        ]
                    )
                if precision in least_ratios and (chorus_rates or precision != "float32"):
                    targets[ratio] = AtLeast(least_ratios[precision])
    return measures, targets


def faster_precisions(place: Place, model: str) -> list[Precision]:
    """Return the precisions faster than float32 that model and processor support, or float32."""
    native, checks = has_bfloat16(openvino.Core()), ModelRegistry(place).resolve(model).precisions
    return [
        precision
        for precision in PRECISIONS[1:]
        if choose_precision(precision, native, checks) == precision
    ] or ["float32"]


@contextmanager
def warm_service(
    root: Path, place: Place, models: Sequence[str], cores: int, precision: Precision
) -> Iterator[ServiceProcess]:
    """Start workers that share the cores as in `chorus score`."""
    registry = ModelRegistry(place)
    threads = share_threads(
        cores, {model: find_kind(registry.resolve(model).kind).max_threads for model in models}
    )
    with start_service(root, threads, {"CHORUS_PRECISION": precision}) as running:
        yield running


class WarmChorus:
    """A job for all models together, from a file, on workers that are warm."""

    def __init__(self, running: ServiceProcess, root: Path, texts: list[str]) -> None:
        self._running, self._root = running, root
        self._texts = texts[:512]
        self.rate()
        self._texts = texts

    def rate(self) -> float:
        """Return the texts a second, from the file to the manifest."""
        for folder in ("feedback", "jobs", "labelled", "scores"):
            shutil.rmtree(self._root / folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
            file = Path(folder, "upload.csv")
            with file.open("w", newline="", encoding="utf-8") as opened:
                csv.writer(opened).writerows([("id", "text"), *enumerate(self._texts)])
            started_at = time.perf_counter()
            job = job_from_upload(self._running.context.place, UploadOptions(str(file), ALL_MODELS))
            start_job(self._running.context, job)
            # polling takes processor time from the workers
            self._running.wait_for_job(job, poll_seconds=0.05)
            return len(self._texts) / (time.perf_counter() - started_at)


class BareLoop:
    """All models over all chunks of the texts, in this process."""

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
        self._chunks = [
            pa.array(texts[start : start + rows]) for start in range(0, len(texts), rows)
        ]
        for model in models:
            manifest = registry.resolve(model)
            with registry.verified(manifest) as folder:
                self._scorers.append(
                    open_scorer(manifest, folder, Compute(threads=cores, precision=precision))
                )
                self._scorers[-1].load()
        self._score(self._chunks[0][:512])

    def rate(self) -> float:
        """Return the texts a second."""
        started_at = time.perf_counter()
        for chunk in self._chunks:
            self._score(chunk)
        return sum(map(len, self._chunks)) / (time.perf_counter() - started_at)

    def _score(self, texts: pa.StringArray) -> None:
        for scorer in self._scorers:
            score(scorer, texts)


if __name__ == "__main__":
    main()
