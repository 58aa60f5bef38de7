"""One model version in a child process. If it crashes on a text, another is started."""

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
import pyarrow as pa

from models.interface.compute import Compute
from processes.piped_process import PipedProcess, ProcessFailed, UnexpectedAnswer
from storage.errors import ChorusError, one_line_reason
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.places.retry import StorageUnavailable
from storage.records.scores import Float32
from tasks.steps.fault_isolation import IsolatedScoringFailed, reason_for_log
from workers.scoring.in_memory_model import InMemoryModel

_LOAD_SECONDS = 600.0  # that a model may take to load
_SCORE_SECONDS = 60.0  # for one call of score; the caller then tries again with fewer texts


class IsolationFailed(ChorusError):
    """A model that cannot score in a process of its own, whatever the texts."""

    def __init__(self, model: str, version: int, reason: str) -> None:
        self.model, self.version, self.reason = model, version, reason
        self.log_text = (
            f"{model} version {version} cannot score in a process of its own: "
            f"{reason_for_log(reason)}"
        )
        super().__init__(
            f"{model} version {version} cannot score in a process of its own: {reason}. "
            "Nothing of the chunk was stored. Remove the cause and run the same command again."
        )


@dataclass(frozen=True)
class _Ready:
    """The answer of a process that has loaded the model."""

    digest: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _Failed:
    """The answer to texts on which the model raised an error."""

    reason: str


@dataclass(frozen=True)
class _Refused:
    """The answer in case of an error that is not the fault of the texts."""

    reason: str


@dataclass(frozen=True)
class _Unavailable:
    """The fields of StorageUnavailable, which cannot be pickled itself."""

    url: str
    reason: str
    tries: int
    seconds: float


class IsolatedModel:
    """A model version in a process that this thread has started, and that ends with it."""

    def __init__(
        self,
        place: Place,
        model: str,
        version: int,
        compute: Compute,
        initializer: Callable[[], None] | None = None,
        seconds: float = _SCORE_SECONDS,
    ) -> None:
        """Load the model in a process that calls `initializer` first.

        `seconds` is the limit of one call of score. Raises IsolationFailed, StorageUnavailable.
        """
        self._model, self._version, self._seconds = model, version, seconds
        self._arguments, self._initializer = (place.url, model, version, compute), initializer
        self._start()

    def score(self, texts: pa.StringArray) -> Float32:
        """Score texts: [rows] strings → float32 [rows, labels].

        Raises IsolatedScoringFailed if the model fails, or its process ends or takes too long, and
        IsolationFailed for errors that are not the fault of the texts.
        """
        if not self._process.is_alive():
            self.stop()
            self._start()
        self._process.send(texts.to_pylist())
        try:
            answer: Float32 | _Failed | _Refused = self._process.receive(
                self._seconds, np.ndarray, _Failed, _Refused
            )
        except UnexpectedAnswer as error:
            raise self._isolation_failed(error) from error
        except ProcessFailed as error:
            raise IsolatedScoringFailed(str(error)) from None
        if isinstance(answer, _Failed):
            raise IsolatedScoringFailed(answer.reason)
        if isinstance(answer, _Refused):
            raise self._isolation_failed(answer.reason)
        return answer

    def stop(self) -> None:
        """End the process, if it has not ended."""
        self._process.stop()

    def _start(self) -> None:
        self._process = PipedProcess(_serve, self._arguments, self._initializer)
        try:
            self.digest, self.labels = self._loaded()
        except Exception:
            self.stop()
            raise

    def _loaded(self) -> tuple[str, tuple[str, ...]]:
        """Wait until the model is loaded; return its digest and labels."""
        try:
            answer: _Ready | _Refused | _Unavailable = self._process.receive(
                _LOAD_SECONDS, _Ready, _Refused, _Unavailable
            )
        except ProcessFailed as error:
            raise self._isolation_failed(error) from None
        if isinstance(answer, _Unavailable):
            raise StorageUnavailable(answer.url, answer.reason, answer.tries, answer.seconds)
        if isinstance(answer, _Refused):
            raise self._isolation_failed(answer.reason)
        return answer.digest, answer.labels

    def _isolation_failed(self, reason: object) -> IsolationFailed:
        return IsolationFailed(self._model, self._version, str(reason))


def _serve(pipe: Connection, url: str, model: str, version: int, compute: Compute) -> None:
    """Run in the process: load the model, then answer until the parent closes the pipe."""
    try:
        loaded = InMemoryModel(open_place(url), model, version, compute)
    except StorageUnavailable as error:
        pipe.send(_Unavailable(error.url, error.reason, error.tries, error.seconds))
        return
    except Exception as error:  # whatever a model raises
        pipe.send(
            _Refused(str(error) if isinstance(error, ChorusError) else one_line_reason(error))
        )
        return
    pipe.send(_Ready(loaded.digest, loaded.labels))
    while True:
        pipe.send(_answer(loaded, pa.array(pipe.recv(), pa.string())))


def _answer(loaded: InMemoryModel, texts: pa.StringArray) -> Float32 | _Failed | _Refused:
    try:
        return loaded.score(texts)
    except ChorusError as error:
        return _Refused(str(error))
    except Exception as error:  # whatever a model raises
        return _Failed(one_line_reason(error))
