"""Measure the time from an empty pool to the first scored chunk of a transformer.

The clock runs from the start of the worker process, whose message already waits in the queue, to
the scores in storage. Compared are a Chorus worker with a filled compile cache (as from the second
start on), a Chorus worker with an empty one, and a hand-written Celery worker that imports torch
and transformers (support/celery_pipeline_worker.py). All use the same encoder, texts and number of
threads. One worker runs after the other, for several rounds. The pipeline gets a classification
head with random weights, because it cannot load the published head; only time counts here.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from celery import Celery
from support.demo_models import open_standard_folders, real_texts, root_with_models
from support.job_builder import job_from_texts
from support.report import AtMost, median, report
from support.service import temporary_root

from chorus.common.settings import Settings, child_environment, from_environment
from chorus.service.connection import broker_for, context_for
from storage.places.place import Place
from storage.records import scores
from tasks.broker.broker_url import BrokerAddress
from tasks.broker.step_messages import ScoreCell
from tasks.planning.record_cache import dataset_of
from workers.processes.child_process import ChildProcess

MODEL = "sentiment-minilm"
ROWS = 256
ROUNDS = 5
PIPELINE = "support.celery_pipeline_worker"
_POLL_SECONDS = 0.002  # seconds
_TIMEOUT = 120.0


@dataclass(frozen=True)
class Setup:
    """Settings, broker and root that both kinds of worker use."""

    settings: Settings
    broker: BrokerAddress
    place: Place

    def first_scores(
        self, command: Sequence[str], environment: Mapping[str, str], file: Path
    ) -> float:
        """Start a worker whose message waits; return the seconds until its scores file exists.

        Raises RuntimeError if the worker ends, or writes no scores within 120 s.
        """
        started_at = time.perf_counter()
        worker = ChildProcess(
            "worker",
            [sys.executable, "-m", *command],
            self.settings.run / "worker.log",
            environment,
        )
        try:
            while not file.exists():
                seconds = time.perf_counter() - started_at
                if seconds > _TIMEOUT or worker.exit_status() is not None:
                    raise RuntimeError(f"no scores after {seconds:.0f} s: {worker.log_tail()}")
                time.sleep(_POLL_SECONDS)
            return time.perf_counter() - started_at
        finally:
            worker.stop(grace=10)


def main() -> None:
    with open_setup() as setup:
        texts = real_texts(ROWS)
        chorus_worker = _ChorusWorker(setup, texts)
        with open_standard_folders(setup.place, MODEL) as [folder]:
            pipeline_worker = _PipelineWorker(setup, texts, folder)
            for warm_up in (chorus_worker, pipeline_worker):
                warm_up.start()
            cached, compiling, by_hand = [], [], []
            for _ in range(ROUNDS):
                cached.append(chorus_worker.start())
                by_hand.append(pipeline_worker.start())
                shutil.rmtree(setup.settings.run / "compiled")
                compiling.append(chorus_worker.start())
    ratio = "ratio: Chorus / Celery + transformers"
    measures = {
        "Celery + transformers, s": median(by_hand),
        "Chorus, s": median(cached),
        "Chorus that compiles first, s": median(compiling),
        ratio: median([one / other for one, other in zip(cached, by_hand, strict=True)]),
        f"{ratio}, compiling first": median(
            [one / other for one, other in zip(compiling, by_hand, strict=True)]
        ),
    }
    report("coldstart", measures, {ratio: AtMost(1 / 3)})


@contextmanager
def open_setup() -> Iterator[Setup]:
    with temporary_root() as root:
        settings = replace(
            from_environment({**os.environ, "CHORUS_HOME": str(root)}), broker_url=None
        )
        place = root_with_models(root, MODEL)
        with broker_for(settings) as connection:
            broker = connection.address
            yield Setup(settings, broker, place)


class _ChorusWorker:
    """A `chorus worker` and a message for the cell of one chunk."""

    def __init__(self, setup: Setup, texts: Sequence[str]) -> None:
        self._setup, self._context = setup, context_for(setup.settings, setup.broker)
        job = job_from_texts(setup.place, MODEL, texts)
        [model], [chunk] = job.models, dataset_of(setup.place, job).chunks
        self._cell = ScoreCell(job.id, chunk.id, model.name, model.version)
        self._file = Path(setup.place.url_of(scores.path(model.name, model.version, chunk.id)))

    def start(self) -> float:
        self._file.unlink(missing_ok=True)
        self._context.publish(self._cell)
        command = [
            "chorus",
            "worker",
            "--model",
            MODEL,
            "--threads",
            str(self._setup.settings.cores),
        ]
        return self._setup.first_scores(
            command, child_environment(self._setup.settings, self._setup.broker), self._file
        )


class _PipelineWorker:
    """The hand-written worker and a message with the texts."""

    def __init__(self, setup: Setup, texts: Sequence[str], folder: Path) -> None:
        self._setup, self._texts, self._file = setup, list(texts), folder / "scores.parquet"
        self._app = Celery(broker=setup.broker.celery_settings()["broker_url"])
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
            ),
            "BROKER_URL": setup.broker.celery_settings()["broker_url"],
            "MODEL_FOLDER": str(folder),
            "THREADS": str(setup.settings.cores),
            "HF_HUB_OFFLINE": "1",
        }

    def start(self) -> float:
        self._file.unlink(missing_ok=True)
        self._app.send_task(
            "score", args=[self._texts, str(self._file)], queue="pipeline", ignore_result=True
        )
        command = [
            "celery",
            "-A",
            PIPELINE,
            "worker",
            "--pool",
            "solo",
            "--without-gossip",
            "--without-mingle",
        ]
        return self._setup.first_scores(command, self._environment, self._file)


if __name__ == "__main__":
    main()
