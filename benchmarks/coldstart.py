"""How long it takes from an empty pool to the first scored chunk of a transformer, the message
waiting in its queue.

Measured from the start of the process to the scores in storage: a worker of Chorus with its compile
cache filled (as it is from the second start on) and without, against a Celery worker written by
hand that imports torch and transformers (support/celery_pipeline_worker.py). The same encoder,
texts and number of threads, one worker after the other, several rounds. The pipeline gets a head
with random weights, because the published one is of no kind it knows; only time counts here.
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
from support.demo_models import as_found_elsewhere, home_with, real_texts
from support.front_door import job_for
from support.report import AtMost, median, report
from support.service import home

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
_LOOK_EVERY = 0.002  # seconds
_PATIENCE = 120.0


@dataclass(frozen=True)
class Bench:
    """What both kinds of worker are started in."""

    settings: Settings
    broker: BrokerAddress
    place: Place

    def first_scores(
        self, command: Sequence[str], environment: Mapping[str, str], file: Path
    ) -> float:
        """Seconds from the start of a worker, which has a message waiting, to the file with the
        scores.
        """
        began = time.perf_counter()
        worker = ChildProcess(
            "worker",
            [sys.executable, "-m", *command],
            self.settings.run / "worker.log",
            environment,
        )
        try:
            while not file.exists():
                seconds = time.perf_counter() - began
                if seconds > _PATIENCE or worker.exit_status() is not None:
                    raise RuntimeError(f"no scores after {seconds:.0f} s: {worker.log_tail()}")
                time.sleep(_LOOK_EVERY)
            return time.perf_counter() - began
        finally:
            worker.stop(grace=10)


def main() -> None:
    with bench() as made:
        texts = real_texts(ROWS)
        chorus_waiting = _Chorus(made, texts)
        with as_found_elsewhere(made.place, MODEL) as [folder]:
            pipeline_waiting = _Pipeline(made, texts, folder)
            for warm_up in (chorus_waiting, pipeline_waiting):
                warm_up.start()
            cached, compiled, by_hand = [], [], []
            for _ in range(ROUNDS):
                cached.append(chorus_waiting.start())
                by_hand.append(pipeline_waiting.start())
                shutil.rmtree(made.settings.run / "compiled")
                compiled.append(chorus_waiting.start())
    ratio = "ratio: Chorus / Celery + transformers"
    measures = {
        "Celery + transformers, s": median(by_hand),
        "Chorus, s": median(cached),
        "Chorus that compiles first, s": median(compiled),
        ratio: median([one / other for one, other in zip(cached, by_hand, strict=True)]),
        f"{ratio}, compiling first": median(
            [one / other for one, other in zip(compiled, by_hand, strict=True)]
        ),
    }
    report("coldstart", measures, {ratio: AtMost(1 / 3)})


@contextmanager
def bench() -> Iterator[Bench]:
    with home() as root:
        settings = replace(
            from_environment({**os.environ, "CHORUS_HOME": str(root)}), broker_url=None
        )
        place = home_with(root, MODEL)
        with broker_for(settings) as found:
            broker = found.address
            yield Bench(settings, broker, place)


class _Chorus:
    """`chorus worker` and a cell of one chunk."""

    def __init__(self, made: Bench, texts: Sequence[str]) -> None:
        self._bench, self._context = made, context_for(made.settings, made.broker)
        job = job_for(made.place, MODEL, texts)
        [model], [chunk] = job.models, dataset_of(made.place, job).chunks
        self._cell = ScoreCell(job.id, chunk.id, model.name, model.version)
        self._file = Path(made.place.url_of(scores.path(model.name, model.version, chunk.id)))

    def start(self) -> float:
        self._file.unlink(missing_ok=True)
        self._context.publish(self._cell)
        command = [
            "chorus",
            "worker",
            "--model",
            MODEL,
            "--threads",
            str(self._bench.settings.cores),
        ]
        return self._bench.first_scores(
            command, child_environment(self._bench.settings, self._bench.broker), self._file
        )


class _Pipeline:
    """The worker written by hand and a message with the texts."""

    def __init__(self, made: Bench, texts: Sequence[str], folder: Path) -> None:
        self._bench, self._texts, self._file = made, list(texts), folder / "scores.parquet"
        self._app = Celery(broker=made.broker.celery_settings()["broker_url"])
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
            ),
            "BROKER_URL": made.broker.celery_settings()["broker_url"],
            "MODEL_FOLDER": str(folder),
            "THREADS": str(made.settings.cores),
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
        return self._bench.first_scores(command, self._environment, self._file)


if __name__ == "__main__":
    main()
