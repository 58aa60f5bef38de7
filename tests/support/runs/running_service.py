"""A running `chorus up`: its processes, its broker, and jobs submitted without a command."""

import os
import signal
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from chorus.common.settings import from_environment
from chorus.service.connection import context_for
from chorus.service.service_lock import running_broker
from storage.places.place import LocalPlace
from storage.records import jobs
from storage.records.jobs import Job, read_end
from storage.records.labelled_output import default_folder, part_positions, read_manifest
from storage.records.scores import scored_chunks
from tasks.board.keys import QUEUE
from tasks.board.roster import Roster
from tasks.broker.step_messages import CONTROL_QUEUE
from tasks.jobs.submit import resolve_versions, start_job
from tasks.planning.dispatch import scoring_queue
from tasks.planning.record_cache import dataset_of
from tests.support.runs.steps import files_of, store_dataset
from tests.support.runs.waiting import wait_until

SUBMITTED = datetime(2026, 1, 2, tzinfo=UTC)


def children(pid):
    """Return (process id, arguments) of the running children of a process."""
    running = []
    with suppress(OSError):  # it has ended
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            if words != [""]:
                running.append((int(child), words))
    return running


def has_ended(pid):
    return not Path(f"/proc/{pid}").exists()


def numbered_texts(count, about="thing"):
    """Return so many texts, no two of them equal."""
    return [
        f"{'great' if number % 3 else 'awful'} {about} number {number}" for number in range(count)
    ]


class RunningService:
    """A running `chorus up`. Its jobs have one submission time, so that equal jobs are equal."""

    def __init__(self, command, process):
        self.command, self.process = command, process
        self.place = LocalPlace(Path(command.home))
        settings = from_environment(command.env)
        self.address = wait_until(
            lambda: process.poll() is None and running_broker(settings.run), "chorus up"
        )
        self.context = context_for(settings, self.address)
        wait_until(lambda: Roster(self.context.board).machines(), "the first tick of the pools")

    def workers(self):
        """Return broker, control, bridge or a model's name → process ids."""
        pids = {}
        for pid, words in children(self.process.pid):
            name = next(
                (kind for kind in ("control", "bridge") if {kind, f"--{kind}"} & set(words)),
                "broker",
            )
            if "--model" in words:
                name = words[words.index("--model") + 1]
            pids.setdefault(name, []).append(pid)
        return pids

    def scoring(self):
        """Return the process ids of the scoring workers."""
        others = ("broker", "control", "bridge")
        return [pid for name, pids in self.workers().items() if name not in others for pid in pids]

    def kill(self, name):
        """Kill the first process of that name with SIGKILL; return its process id."""
        pid = self.workers()[name][0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def submit(self, customer, texts, chunk_rows=1, name="upload"):
        """Store texts and start their job, as `chorus submit` does; its id is customer-name."""
        store_dataset(self.place, texts, chunk_rows, customer, name)
        versions = resolve_versions(self.place, customer)
        identity = f"{customer}-{name}"
        job = Job(
            id=identity,
            customer=customer,
            dataset=name,
            ensemble=versions.ensemble,
            models=versions.models,
            out=self.place.url_of(default_folder(customer, identity)),
            keep_text=True,
            keep_columns=False,
            submitted_at=SUBMITTED,
        )
        self.place.create(jobs.job_path(identity), job.encode())
        start_job(self.context, job)
        return job

    def scores(self, job):
        """Return how many chunks of the job its first model has scored."""
        model = job.models[0]
        return len(
            scored_chunks(
                self.place, model.name, model.version, set(dataset_of(self.place, job).positions)
            )
        )

    def waiting(self, model):
        """Return the lengths of a model's queue and of the control queue."""
        board = self.context.board
        queues = (scoring_queue(model), CONTROL_QUEUE)
        return tuple(board.redis.llen(board.key(QUEUE, queue)) for queue in queues)

    def wait_for(self, job, seconds=60):
        """Wait until the job is done, and return its manifest."""
        state = wait_until(lambda: read_end(self.place, job.id), f"{job.id} to end", seconds)
        assert state.status == "done", state.error
        return read_manifest(job.output)

    def wait_until_idle(self):
        wait_until(lambda: not self.scoring(), "the workers to go")

    def stop(self):
        """Stop the service with SIGTERM, as a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err.decode()
        assert b"Traceback" not in err, err.decode()


def written_parts(job):
    """Return how many parts of the job are written."""
    return len(part_positions(job.output))


def labelled_parts(job):
    """Return name → bytes of the labelled parts."""
    return {name: data for name, data in files_of(job).items() if name.startswith("part-")}


@contextmanager
def running_service(command, *arguments):
    """Start `chorus up`, and stop it after the block; it must end, and its children with it."""
    with command.start("up", *arguments) as process:
        try:
            up = RunningService(command, process)
            yield up
            pids = [pid for pid, _ in children(process.pid)]
            if process.poll() is None:
                up.stop()
            wait_until(lambda: all(map(has_ended, pids)), "the children to end")
        finally:
            process.kill()
