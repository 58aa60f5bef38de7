"""Samples of a running service from outside: rows and workers from the board, memory from the
kernel.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.records.jobs import Job
from tasks.board import keys
from tasks.board.context import Context
from tasks.board.roster import Roster, Worker
from tasks.broker.step_messages import CONTROL_QUEUE, scoring_queue
from tasks.planning.demand import read_demand


@dataclass(frozen=True)
class Sample:
    """One sample, at `at` seconds.

    `rows` are requested and not scored yet. `memory` is in resident bytes; the service itself is
    under ''.
    """

    at: float
    rows: Mapping[str, int]  # by model
    workers: Sequence[Worker]
    memory: Mapping[str, int]  # by model
    messages: int  # in all queues

    def count(self, model: str, *, starting: bool) -> int:
        """Count the model's workers: those that are starting, or those that are up."""
        return len(
            [
                worker
                for worker in self.workers
                if worker.model == model and (worker.state == "starting") == starting
            ]
        )


def take_sample(at: float, context: Context, pid: int, models: Sequence[str]) -> Sample:
    """Sample the service whose process has this id. Raises FileNotFoundError when it has ended."""
    board = context.board
    queues = [CONTROL_QUEUE, *(scoring_queue(model) for model in models)]
    return Sample(
        at=at,
        rows={work.model: work.rows for work in read_demand(context.place, board)},
        workers=[worker for worker in Roster(board).workers() if worker.model],
        memory=_memory_of(pid),
        messages=sum(int(board.redis.llen(board.key(keys.QUEUE, queue))) for queue in queues),  # type: ignore[arg-type]
    )


def is_done(context: Context, job: Job) -> bool:
    """Return whether the job is done. Raises RuntimeError if it failed or was cancelled."""
    progress = context.board.progress(job.id, [model.name for model in job.models])
    if progress is not None and progress.status in ("failed", "cancelled"):
        raise RuntimeError(f"a job {progress.status}: {progress.error}")
    return progress is not None and progress.status == "done"


def _memory_of(pid: int) -> dict[str, int]:
    """Return the resident bytes of each model's workers, and of all else below this process."""
    memory = {"": _resident(pid)}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            model = words[words.index("--model") + 1] if "--model" in words else ""
            memory[model] = memory.get(model, 0) + _resident(int(child))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return memory


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
