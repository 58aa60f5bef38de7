"""A model on trial before it is published: it is loaded and asked in a process of its own, and what
that takes is kept.

So a version that cannot answer is not published, and what a worker will take is known before there
was one.
"""

import signal
from collections.abc import Callable
from multiprocessing import get_context
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
from storage.errors import BadRequest

_SECONDS = 120.0  # that the trial may take; a model that takes longer is not measured
_ENOUGH = 0.3  # seconds of scoring after which the rate is known
_FIRST = 8  # texts; then twice as many, until they take long enough
_MOST = 1024  # texts that are looked at


class FailedTrial(BadRequest):
    """A model that does not answer, and so was not published."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The model was not published, because it could not score texts in a process of its own: {reason}. "
            "It has to take texts, one string each, and to answer with a probability for each label."
        )


def begin_plainly() -> None:
    """What a new process does first, where it need not do anything."""


def measure(
    spec: ModelSpec,
    folder: Path,
    texts: pa.StringArray | None = None,
    begin: Callable[[], None] = begin_plainly,
) -> Measurements | None:
    """What the model in a folder takes to score such texts, or some of ours; None if it takes more
    than two minutes.

    `begin` is run in the process before all else. Raises FailedTrial.
    """
    some = sample_texts() if texts is None or not len(texts) else texts.slice(0, _MOST)
    context = get_context("spawn")  # a copy of this process would be as large as it has become
    pipe, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_try, args=(theirs, begin, spec, folder, some.to_pylist()), daemon=True
    )
    process.start()
    theirs.close()  # so that its end is the end of the pipe
    try:
        answer = pipe.recv() if pipe.poll(_SECONDS) else None
    except EOFError:
        process.join()
        answer = f"it ended with status {process.exitcode}"
    finally:
        process.kill()
        process.join()
        pipe.close()
    if isinstance(answer, str):
        raise FailedTrial(answer)
    return answer


def _try(
    pipe: Connection, begin: Callable[[], None], spec: ModelSpec, folder: Path, texts: list[str]
) -> None:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    begin()
    try:
        pipe.send(_measured(spec, folder, pa.array(texts, pa.string())))
    except Exception as error:  # whatever a model raises
        pipe.send(f"{type(error).__name__}: {error}")


def _measured(spec: ModelSpec, folder: Path, texts: pa.StringArray) -> Measurements:
    began = monotonic()
    scorer = open_scorer(spec, folder, Compute(device=CPU, threads=1))
    scorer.load()
    rows = min(_FIRST, len(texts))
    # the first question is slower than those that follow
    answered = score(scorer, texts.slice(0, rows))
    if answered.shape != (rows, len(spec.labels)) or not np.isfinite(answered).all():
        raise ValueError(
            f"{rows} texts were answered with {answered.shape} values, or not all of them are finite"
        )
    loaded = monotonic()
    while True:
        some, before = texts.slice(0, rows), monotonic()
        score(scorer, some)
        seconds = monotonic() - before
        if seconds >= _ENOUGH or rows == len(texts):
            break
        rows = min(2 * rows, len(texts))
    memory = peak_memory()
    tokens = find_kind(spec.kind).count_tokens(spec, folder, some)
    return Measurements(
        load_seconds=round(loaded - began, 3),
        rows_per_second=_figure(rows / seconds),
        characters_per_second=_figure(sum(map(len, some.to_pylist())) / seconds),
        tokens_per_second=None if tokens is None else _figure(tokens / seconds),
        rows=rows,
        memory=memory,
    )


def _figure(value: float) -> float:
    """Three digits are as many as are true."""
    return float(f"{value:.3g}")
