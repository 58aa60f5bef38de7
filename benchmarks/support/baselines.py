"""Bulk scoring without Chorus: Hugging Face `pipeline`, alone and inside Ray Data."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def open_classifier(folder: Path, batch: int) -> Callable[[list[str]], Any]:
    """Load what the folder holds: a transformer, or a scikit-learn pipeline saved with skops.

    Returns a function that scores a list of texts.
    """
    if (folder / "config.json").is_file():
        from transformers import pipeline

        model = pipeline("text-classification", model=str(folder), top_k=None, device="cpu")
        return lambda texts: model(texts, batch_size=batch, truncation=True)
    import skops.io

    file = folder / "pipeline.skops"
    return skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file)).predict_proba


class RayActor:
    """One actor with all models in memory, as the documentation of Ray Data shows it for one."""

    def __init__(self, folders: Sequence[Path], batch: int) -> None:
        self._models = [open_classifier(folder, batch) for folder in folders]

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Score a batch of texts. Returns when it began and ended; the answers are dropped."""
        started_at = time.time()
        texts = [str(text) for text in batch["text"]]
        for model in self._models:
            model(texts)
        rows = len(texts)
        return {"began": np.full(rows, started_at), "ended": np.full(rows, time.time())}


class Pipelines:
    """All models in this process, one after the other."""

    def __init__(self, folders: Sequence[Path], cores: int, texts: list[str], batch: int) -> None:
        import torch

        torch.set_num_threads(cores)
        self._texts = texts
        self._models = [open_classifier(folder, batch) for folder in folders]
        for model in self._models:
            model(texts[:64])

    def rate(self) -> float:
        """Return the texts a second."""
        started_at = time.perf_counter()
        for model in self._models:
            model(self._texts)
        return len(self._texts) / (time.perf_counter() - started_at)


class RayData:
    """All models in each actor of a pool, one actor a core."""

    def __init__(self, folders: Sequence[Path], cores: int, texts: list[str], batch: int) -> None:
        self._folders, self._cores, self._texts, self._batch = list(folders), cores, texts, batch

    def rate(self) -> float:
        """Return the texts a second, from the first batch that an actor begins to the last that
        ends.
        """
        import ray

        ray.init(
            num_cpus=self._cores,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        try:
            ray.data.DataContext.get_current().enable_progress_bars = False
            scored = ray.data.from_items([{"text": text} for text in self._texts]).map_batches(
                RayActor,
                fn_constructor_args=(self._folders, self._batch),
                batch_size=len(self._texts) // (4 * self._cores),
                compute=ray.data.ActorPoolStrategy(size=self._cores),
            )
            rows = scored.take_all()
        finally:
            ray.shutdown()
        return len(rows) / (max(row["ended"] for row in rows) - min(row["began"] for row in rows))
