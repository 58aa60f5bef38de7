"""A trial of a model before it is published: a child process loads it and scores some texts.

A model that cannot answer is not published. What the trial takes is kept in the manifest, so that
the resources of a worker can be planned before the first one has run.
"""

from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa

from models.guards.peak_memory import peak_memory
from models.interface.compute import Compute
from models.interface.device import CPU
from models.interface.manifest import Measurements, ModelSpec
from models.interface.scorer import score
from models.kinds.table import find_kind, open_scorer
from models.publishing.sample_texts import sample_texts
from processes.piped_process import PipedProcess, ProcessFailed, ProcessTimedOut
from storage.errors import BadRequest, one_line_reason

_SECONDS = 120.0  # that the trial may take; a model that takes longer is not measured
_ENOUGH_SECONDS = 0.3  # of scoring, after which the rate is known
_FIRST_TEXTS = 8  # then twice as many, until they take long enough
_MAX_TEXTS = 1024


class TrialFailed(BadRequest):
    """A model that does not answer, and so was not published."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            "The model was not published, because it could not score texts in a process of its "
            f"own: {reason}. It has to take texts, one string each, and to answer with a "
            "probability for each label."
        )


def measure_model(
    spec: ModelSpec,
    folder: Path,
    texts: pa.StringArray | None = None,
    initializer: Callable[[], None] | None = None,
) -> Measurements | None:
    """Measure what the model in a folder takes to score texts, these or sample texts.

    The model is loaded in a child process, which runs `initializer` first. Returns None if it takes
    more than two minutes. Raises TrialFailed.
    """
    trial_texts = sample_texts() if texts is None or not len(texts) else texts.slice(0, _MAX_TEXTS)
    process = PipedProcess(_try, (spec, folder, trial_texts.to_pylist()), initializer)
    try:
        answer: Measurements | str = process.receive(_SECONDS, Measurements, str)
    except ProcessTimedOut:
        return None
    except ProcessFailed as error:
        raise TrialFailed(str(error)) from None
    finally:
        process.stop()
    if isinstance(answer, str):
        raise TrialFailed(answer)
    return answer


def _try(pipe: Connection, spec: ModelSpec, folder: Path, texts: list[str]) -> None:
    """Run in the process: send the measurements, or the reason why there are none."""
    try:
        pipe.send(_measure(spec, folder, pa.array(texts, pa.string())))
    except Exception as error:  # whatever a model raises
        pipe.send(one_line_reason(error))


def _measure(spec: ModelSpec, folder: Path, texts: pa.StringArray) -> Measurements:
    started = monotonic()
    scorer = open_scorer(spec, folder, Compute(device=CPU, threads=1))
    scorer.load()
    rows = min(_FIRST_TEXTS, len(texts))
    # the first call is slower than those that follow
    values = score(scorer, texts.slice(0, rows))
    if values.shape != (rows, len(spec.labels)) or not np.isfinite(values).all():
        raise ValueError(
            f"{rows} texts were answered with {values.shape} values, or not all of them are finite"
        )
    loaded = monotonic()
    while True:
        batch, batch_started = texts.slice(0, rows), monotonic()
        score(scorer, batch)
        seconds = monotonic() - batch_started
        if seconds >= _ENOUGH_SECONDS or rows == len(texts):
            break
        rows = min(2 * rows, len(texts))
    memory = peak_memory()
    tokens = find_kind(spec.kind).count_tokens(spec, folder, batch)
    return Measurements(
        load_seconds=round(loaded - started, 3),
        rows_per_second=_round(rows / seconds),
        characters_per_second=_round(sum(map(len, batch.to_pylist())) / seconds),
        tokens_per_second=None if tokens is None else _round(tokens / seconds),
        rows=rows,
        memory=memory,
    )


def _round(value: float) -> float:
    """Round to three digits, which is as precise as the measurement."""
    return float(f"{value:.3g}")
