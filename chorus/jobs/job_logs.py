"""`chorus logs`: what the processes of this machine have logged of one job, in order."""

import time
from collections.abc import Iterable
from contextlib import closing

from chorus.common.console import print_json, print_line, print_notice
from chorus.common.settings import Settings
from chorus.jobs.lookup import NoSuchJob, find_job
from chorus.logs.log_folder import LogFolder
from chorus.logs.log_line import LogLine, format_time
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.job_state import recorded_state
from storage.records.jobs import Job

_POLL_SECONDS = 0.2
# Seconds for which a line waits for earlier ones, of other processes, that are still being written.
_SETTLE_SECONDS = 0.5


def show_logs(settings: Settings, name: str, *, follow: bool, as_json: bool) -> None:
    """Print the job's lines, the earliest first; with `follow` later ones too, until it ends.

    A job whose records were removed may still have lines. Raises NoSuchJob, BadName.
    """
    place = open_place(settings.home)
    with closing(LogFolder(settings.run / "logs", name)) as folder:
        lines = folder.read_lines()
        try:
            job: Job | None = find_job(place, name)
        except NoSuchJob:
            if not lines:
                raise
            job = None
        if not lines:
            print_notice(
                f"chorus: the logs of this machine, in {settings.run / 'logs'}, have no line of "
                f"job {name}: its processes run on another machine, or the files were removed."
            )
        if job is not None:
            lines = sorted(
                [*lines, *_recorded_lines(place, job, lines)], key=lambda line: line.time
            )
        if follow and job is not None:
            _follow(place, folder, lines, name, as_json=as_json)
        else:
            _print(lines, as_json=as_json)


def _follow(
    place: Place, folder: LogFolder, lines: list[LogLine], job: str, *, as_json: bool
) -> None:
    """Print lines as they settle, until the job has ended and no line is left."""
    while True:
        is_open = recorded_state(place, job).is_open
        settled = format_time(time.time() - _SETTLE_SECONDS)
        _print((line for line in lines if line.time <= settled), as_json=as_json)
        lines = [line for line in lines if line.time > settled]
        new = folder.read_lines()
        if not (is_open or lines or new):
            return
        lines = sorted([*lines, *new], key=lambda line: line.time)
        time.sleep(_POLL_SECONDS)


def _recorded_lines(place: Place, job: Job, lines: Iterable[LogLine]) -> list[LogLine]:
    """Return lines of what the root says of the job and no log of this machine does.

    Another machine's log says who gave the command.
    """
    logged = {line.message.partition(":")[0] for line in lines}
    end = recorded_state(place, job.id).end
    recorded = []
    if "submitted" not in logged:
        recorded.append((job.submitted_at, "job.json", f"submitted: priority {job.priority}"))
    if "ended" not in logged and end is not None and end.at is not None:
        recorded.append((end.at, "ended.json", f"ended: {end.status}"))
    fields = {"job": job.id, "customer": job.customer}
    return [
        LogLine(format_time(at.timestamp()), "INFO", file, message, fields)
        for at, file, message in recorded
    ]


def _print(lines: Iterable[LogLine], *, as_json: bool) -> None:
    for line in lines:
        if as_json:
            print_json(line.to_object())
        else:
            print_line(line.to_text())
