"""Models as people run them in bulk without Chorus: Hugging Face `pipeline`, alone and inside Ray Data."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 32


def classifier(folder: Path) -> Callable[[list[str]], Any]:
    """Texts → answers, by what the folder holds: a transformer, or a scikit-learn pipeline kept with skops."""
    if (folder / "config.json").is_file():
        from transformers import pipeline

        model = pipeline("text-classification", model=str(folder), top_k=None, device="cpu")
        return lambda texts: model(texts, batch_size=BATCH, truncation=True)
    import skops.io

    file = folder / "pipeline.skops"
    return skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file)).predict_proba


class Classifier:
    """One actor: all models in memory, as the documentation of Ray Data has it for one."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._models = [classifier(folder) for folder in folders]

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of texts; answers with when it was begun and ended, the answers themselves are as good as written."""
        began = time.time()
        texts = [str(text) for text in batch["text"]]
        for model in self._models:
            model(texts)
        rows = len(texts)
        return {"began": np.full(rows, began), "ended": np.full(rows, time.time())}


def rate_of_ray_data(folders: Sequence[Path], cores: int, texts: list[str]) -> float:
    """Texts a second from the first batch that an actor begins to the last that one ends; an actor a core."""
    import ray

    ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True)
    ray.data.DataContext.get_current().enable_progress_bars = False
    data = ray.data.from_items([{"text": text} for text in texts])
    scored = data.map_batches(
        Classifier, fn_constructor_args=(list(folders),), batch_size=len(texts) // (4 * cores), concurrency=cores
    ).to_pandas()
    return len(texts) / float(scored["ended"].max() - scored["began"].min())
