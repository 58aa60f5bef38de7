"""One model version in a process of its own, which may die of a text and is then started anew."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np
import pyarrow as pa

from models.interface.compute import Compute
from models.publishing.trial import begin_plainly
from storage.errors import ChorusError
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.places.retry import StorageUnavailable
from storage.records.scores import Float32
from tasks.steps.fault_isolation import TextsFailed, reason_of
from workers.processes.child_process import end_with_parent
from workers.scoring.loaded_model import Loaded

_LOADING = 600.0  # seconds a model may take to load
_SCORING = 60.0  # seconds for one question; of many texts that take longer, fewer are asked next


class NotIsolated(ChorusError):
    """A model could not be had in a process of its own."""

    def __init__(self, model: str, version: int, reason: str) -> None:
        self.model, self.version, self.reason = model, version, reason
        super().__init__(
            f"{model} version {version} could not be had in a process of its own: {reason}. "
            "Nothing of the chunk was stored. Mend this and run the same command again."
        )


@dataclass(frozen=True)
class _Ready:
    digest: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _Failed:
    """It was the texts, or the model."""

    reason: str


@dataclass(frozen=True)
class _Refused:
    """It was an error that says what a person has to do."""

    reason: str


@dataclass(frozen=True)
class _Away:
    """Storage is away."""

    url: str
    reason: str
    tries: int
    seconds: float


_Answer = _Ready | _Failed | _Refused | _Away | Float32


class Isolated:
    """A model version in a process that this thread has started, and that ends with it."""

    def __init__(
        self,
        place: Place,
        model: str,
        version: int,
        compute: Compute,
        begin: Callable[[], None] = begin_plainly,
        seconds: float = _SCORING,
    ) -> None:
        """Raises NotIsolated, StorageAway.

        `begin` is run in the process before all else; `seconds` is for one call of score.
        """
        self._model, self._version, self._seconds = model, version, seconds
        self._arguments = (place.url, model, version, compute, begin)
        self._start()

    def score(self, texts: pa.StringArray) -> Float32:
        """[rows] strings -> [rows, labels] float32 probabilities. Raises TextsFailed, NotIsolated."""
        if not self._process.is_alive():
            self.stop()
            self._start()
        answer = self._ask(texts.to_pylist(), self._seconds)
        if isinstance(answer, _Failed):
            raise TextsFailed(answer.reason)
        if not isinstance(answer, np.ndarray):
            raise self._refused(answer)
        return answer

    def stop(self) -> None:
        """End the process, if it has not ended."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _start(self) -> None:
        # A process made anew: a copy of this one would hold its threads' locks, and CUDA does not
        # survive a fork.
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, *self._arguments), name="isolated", daemon=True
        )
        self._process.start()
        theirs.close()  # so that its end is the end of the pipe
        try:
            answer = self._wait(_LOADING)
        except TextsFailed as error:
            answer = _Refused(str(error))
        if not isinstance(answer, _Ready):
            self.stop()
            raise self._refused(answer)
        self.digest, self.labels = answer.digest, answer.labels

    def _refused(self, answer: object) -> Exception:
        if isinstance(answer, _Away):
            return StorageUnavailable(answer.url, answer.reason, answer.tries, answer.seconds)
        reason = (
            answer.reason
            if isinstance(answer, _Refused)
            else f"answered with a {type(answer).__name__}"
        )
        return NotIsolated(self._model, self._version, reason)

    def _ask(self, texts: list[str], seconds: float) -> _Answer:
        # it has just died, which the answer will say
        with suppress(BrokenPipeError, ConnectionResetError):
            self._pipe.send(texts)
        return self._wait(seconds)

    def _wait(self, seconds: float) -> _Answer:
        """What the process says next. Raises TextsFailed if it ends instead, or takes longer and is
        ended.
        """
        if not self._pipe.poll(seconds):
            self._process.kill()
            self._process.join()
            raise TextsFailed(f"took longer than {seconds:g} s")
        try:
            answer: _Answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise TextsFailed(_ending(self._process.exitcode)) from None
        return answer


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        return f"ended by signal {signal.Signals(-status).name}"
    return f"ended its process with status {status}"


def _serve(
    pipe: Connection,
    url: str,
    model: str,
    version: int,
    compute: Compute,
    begin: Callable[[], None],
) -> None:
    """The process: load, then answer until nobody asks."""
    _obey_the_parent_alone()
    begin()
    try:
        loaded = Loaded(open_place(url), model, version, compute)
    except StorageUnavailable as error:
        pipe.send(_Away(error.url, error.reason, error.tries, error.seconds))
        return
    except Exception as error:  # whatever a model raises
        pipe.send(_Refused(str(error) if isinstance(error, ChorusError) else reason_of(error)))
        return
    pipe.send(_Ready(loaded.digest, loaded.labels))
    with suppress(EOFError, OSError):  # the parent is gone
        while True:
            pipe.send(_answer(loaded, pa.array(pipe.recv(), pa.string())))


def _answer(loaded: Loaded, texts: pa.StringArray) -> _Answer:
    try:
        return loaded.score(texts)
    except ChorusError as error:
        return _Refused(str(error))
    except Exception as error:  # whatever a model raises
        return _Failed(reason_of(error))


def _obey_the_parent_alone() -> None:
    """Ctrl-C, or an end that a whole group of processes is asked for, must not look like the fault
    of a text.
    """
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    bind = end_with_parent()
    if bind is not None:
        bind()
