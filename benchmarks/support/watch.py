"""Looks at a running service from outside: rows and workers by the board, memory by the kernel."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.records.jobs import Job
from tasks.board import keys
from tasks.board.context import Context
from tasks.board.roster import Roster, Worker
from tasks.broker.step_messages import CONTROL_QUEUE, scoring_queue
from tasks.planning.demand import demand


@dataclass(frozen=True)
class Sample:
    """One look, at `at` seconds. `rows`: wanted and not scored; `memory`: resident bytes, of the
    service under ''.
    """

    at: float
    rows: Mapping[str, int]  # by model
    workers: Sequence[Worker]
    memory: Mapping[str, int]  # by model
    messages: int  # in all queues

    def count(self, model: str, *, starting: bool) -> int:
        """Workers of the model: those that start, or those that are up."""
        return len(
            [
                one
                for one in self.workers
                if one.model == model and (one.state == "starting") == starting
            ]
        )


def look(at: float, context: Context, pid: int, models: Sequence[str]) -> Sample:
    """At the service whose process has this id. Raises FileNotFoundError when it has ended."""
    board = context.board
    queues = [CONTROL_QUEUE, *(scoring_queue(model) for model in models)]
    return Sample(
        at=at,
        rows={one.model: one.rows for one in demand(context.place, board)},
        workers=[worker for worker in Roster(board).workers() if worker.model],
        memory=_memory_of(pid),
        messages=sum(int(board.redis.llen(board.key(keys.QUEUE, queue))) for queue in queues),  # type: ignore[arg-type]
    )


def is_done(context: Context, job: Job) -> bool:
    """Raises RuntimeError if it failed."""
    progress = context.board.progress(job.id, [model.name for model in job.models])
    if progress is not None and progress.status in ("failed", "cancelled"):
        raise RuntimeError(f"a job {progress.status}: {progress.error}")
    return progress is not None and progress.status == "done"


def _memory_of(pid: int) -> dict[str, int]:
    """Of each model's workers, and of all else below this process."""
    found = {"": _resident(pid)}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            model = words[words.index("--model") + 1] if "--model" in words else ""
            found[model] = found.get(model, 0) + _resident(int(child))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return found


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
