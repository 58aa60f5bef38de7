"""The messages in the queues: ids, never texts. `step` names the work, for its lease."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

CONTROL_QUEUE = "control"
RESULTS_QUEUE = "results"
# Rows of an upload up to which its job is short: its cells go before all others, and a worker
# scores them beside a chunk that it works on.
SHORT_JOB_ROWS = 256


@dataclass(frozen=True)
class CellId:
    """A cell, whichever jobs need it: one chunk under one model version."""

    chunk: str
    model: str
    version: int


@dataclass(frozen=True)
class ScoreCell:
    """Score one cell for a job."""

    job: str
    chunk: str
    model: str
    version: int
    name: ClassVar[str] = "chorus.score"

    @classmethod
    def for_job(cls, job: str, cell: CellId) -> "ScoreCell":
        """Return the message that has a cell scored for a job."""
        return cls(job, cell.chunk, cell.model, cell.version)

    @property
    def cell_id(self) -> CellId:
        """Cell without its job."""
        return CellId(self.chunk, self.model, self.version)

    @property
    def queue(self) -> str:
        """Queue of the model."""
        return scoring_queue(self.model)

    @property
    def step(self) -> str:
        """Name of the step: the same cell in two jobs is one step."""
        return f"score/{self.model}/{self.version}/{self.chunk}"


@dataclass(frozen=True)
class ReduceChunk:
    """Combine the members' scores of one chunk."""

    job: str
    chunk: str
    name: ClassVar[str] = "chorus.reduce"
    queue: ClassVar[str] = CONTROL_QUEUE

    @property
    def step(self) -> str:
        """Name of the step."""
        return f"reduce/{self.job}/{self.chunk}"


@dataclass(frozen=True)
class FinishJob:
    """Write the manifest of a job whose parts all exist, and end the job."""

    job: str
    name: ClassVar[str] = "chorus.finish"
    queue: ClassVar[str] = CONTROL_QUEUE

    @property
    def step(self) -> str:
        """Name of the step."""
        return f"finish/{self.job}"


@dataclass(frozen=True)
class PublishResults:
    """Publish the labels of a job to its topic, and end the job."""

    job: str
    name: ClassVar[str] = "chorus.results"
    queue: ClassVar[str] = RESULTS_QUEUE

    @property
    def step(self) -> str:
        """Name of the step."""
        return f"results/{self.job}"


@dataclass(frozen=True)
class RunSchedule:
    """Start the runs of a schedule that are due."""

    schedule: str
    # "look" is an older name, kept so that versions of Chorus can share a broker.
    name: ClassVar[str] = "chorus.look"
    queue: ClassVar[str] = CONTROL_QUEUE
    job: ClassVar[None] = None

    @property
    def step(self) -> str:
        """Name of the step."""
        return f"look/{self.schedule}"


StepMessage = ScoreCell | ReduceChunk | FinishJob | PublishResults | RunSchedule


def scoring_queue(model: str) -> str:
    """Return the queue that only the workers of this model consume."""
    return f"score.{model}"


def control_step(arguments: Mapping[str, str]) -> str:
    """Return the step of a message in the control queue."""
    if "schedule" in arguments:
        return RunSchedule(**arguments).step
    return ReduceChunk(**arguments).step if "chunk" in arguments else FinishJob(**arguments).step
