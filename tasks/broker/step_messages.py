"""What travels through the queues: ids, never text. `step` names what is done, for the lease."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

CONTROL_QUEUE = "control"
RESULTS_QUEUE = "results"
SHORT_JOB_ROWS = (
    256  # rows: an upload of so many waits for nobody, and is scored beside a chunk in work
)


@dataclass(frozen=True)
class ScoreCell:
    """Score one chunk under one model version."""

    job: str
    chunk: str
    model: str
    version: int
    name: ClassVar[str] = "chorus.score"

    @property
    def queue(self) -> str:
        return scoring_queue(self.model)

    @property
    def step(self) -> str:
        """The same cell in two jobs is one step."""
        return f"score/{self.model}/{self.version}/{self.chunk}"


@dataclass(frozen=True)
class ReduceChunk:
    """Combine what the members say of one chunk."""

    job: str
    chunk: str
    name: ClassVar[str] = "chorus.reduce"
    queue: ClassVar[str] = CONTROL_QUEUE

    @property
    def step(self) -> str:
        return f"reduce/{self.job}/{self.chunk}"


@dataclass(frozen=True)
class FinishJob:
    """Close a job whose parts are all there."""

    job: str
    name: ClassVar[str] = "chorus.finish"
    queue: ClassVar[str] = CONTROL_QUEUE

    @property
    def step(self) -> str:
        return f"finish/{self.job}"


@dataclass(frozen=True)
class PublishResults:
    """Publish the labels of a job to its topic, and close it."""

    job: str
    name: ClassVar[str] = "chorus.results"
    queue: ClassVar[str] = RESULTS_QUEUE

    @property
    def step(self) -> str:
        return f"results/{self.job}"


@dataclass(frozen=True)
class RunSchedule:
    """See whether a schedule has something to set going."""

    schedule: str
    name: ClassVar[str] = "chorus.look"
    queue: ClassVar[str] = CONTROL_QUEUE
    job: ClassVar[None] = None

    @property
    def step(self) -> str:
        return f"look/{self.schedule}"


StepMessage = ScoreCell | ReduceChunk | FinishJob | PublishResults | RunSchedule


def scoring_queue(model: str) -> str:
    """The queue that only the workers of this model consume."""
    return f"score.{model}"


def control_step(arguments: Mapping[str, str]) -> str:
    """The step of a message in the control queue."""
    if "schedule" in arguments:
        return RunSchedule(**arguments).step
    return ReduceChunk(**arguments).step if "chunk" in arguments else FinishJob(**arguments).step
