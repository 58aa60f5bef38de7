"""How far `chorus plan` is off: after one job of 6,000 tweets, it is asked of 10,000 others, and
these are labelled.

Three rounds for the demo's ensemble and three for one of its transformers alone, each with tweets
that were not there before. Beside the seconds stand processor seconds, expected and taken by all
processes of the command, and the share of the processors that other programs took meanwhile. A
calculation supposes that there are none, so it is also held against the seconds taken less that
share: right where the processors were always busy, too little elsewhere.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from support.demo_models import TOGETHER, home_with, real_texts
from support.report import AtMost, Target, report

from storage.places.place import Place
from storage.records.jobs import read_end

MODELS = ("sentiment-bow", "sentiment-minilm", "topics-bow", "topics-minilm")
ALONE = "sentiment-minilm"
FIRST, ROWS, ROUNDS = 6_000, 10_000, 3
MOST = 0.25


@dataclass(frozen=True)
class Round:
    """Seconds from a job's arrival to its end, and processor seconds for its rows; expected, and
    taken.
    """

    expected: float
    calculated: float  # what is expected, without the correction by earlier jobs
    taken: float
    work_expected: float  # of the models, without the start of any process
    work_taken: float  # of every process
    others: float  # share of the processors' time

    @property
    def off(self) -> float:
        return abs(self.expected / self.taken - 1)

    @property
    def calculation_off(self) -> float:
        return abs(self.calculated / (self.taken * (1 - self.others)) - 1)


def main() -> None:
    measures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    texts = real_texts(FIRST + ROUNDS * ROWS)
    for customer in (TOGETHER, ALONE):
        with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
            root = Path(folder, "home")
            place = home_with(root, *MODELS)
            chorus(root, "score", upload(folder, texts[:FIRST]), customer)
            for number in range(ROUNDS):
                some = texts[FIRST + number * ROWS :][:ROWS]
                found = measure(place, root, upload(folder, some), customer)
                name = f"{customer}, round {number + 1}"
                measures |= {
                    f"{name}: seconds expected": found.expected,
                    f"{name}: seconds taken": found.taken,
                    f"{name}: off by": found.off,
                    f"{name}: calculated, without the correction": found.calculated,
                    f"{name}: off by, without other programs": found.calculation_off,
                    f"{name}: models' processor s expected": found.work_expected,
                    f"{name}: processor s taken, starts and all": found.work_taken,
                    f"{name}: share of other programs": found.others,
                }
                targets[f"{name}: off by"] = AtMost(MOST)
    report("forecast", measures, targets)


def measure(place: Place, root: Path, file: Path, customer: str) -> Round:
    """Ask for the forecast, then do it."""
    plan = chorus(root, "plan", file, customer)
    busy, mine = busy_seconds(), own_seconds()
    began = time.monotonic()
    job = chorus(root, "score", file, customer)["job"]
    wall, work = time.monotonic() - began, own_seconds() - mine
    end = read_end(place, job)
    if job != plan["job"] or end is None or end.seconds is None:
        raise RuntimeError(f"job {job} is not the one that was planned, or has no end")
    others = max(0.0, busy_seconds() - busy - work) / (wall * (os.cpu_count() or 1))
    models = sum(model["device_seconds"] for model in plan["models"])
    found = Round(
        plan["seconds"], plan["seconds"] / plan["correction"], end.seconds, models, work, others
    )
    print(
        customer, found, f"{found.off:.2f} {found.calculation_off:.2f}", file=sys.stderr, flush=True
    )
    return found


def chorus(root: Path, command: str, file: Path, customer: str) -> dict:
    """What the command says as JSON."""
    words = [sys.executable, "-m", "chorus", command, str(file), "--customer", customer, "--json"]
    done = subprocess.run(  # noqa: S603 — this package
        words, env=os.environ | {"CHORUS_HOME": str(root)}, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def upload(folder: str, texts: list[str]) -> Path:
    file = Path(folder, "upload.jsonl")
    file.write_text(
        "".join(json.dumps({"id": at, "text": text}) + "\n" for at, text in enumerate(texts))
    )
    return file


def own_seconds() -> float:
    """Processor seconds of all commands so far, with the processes that they started and waited
    for.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def busy_seconds() -> float:
    """Processor seconds that all programs of this machine have taken; 0 where the system does not
    say.
    """
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system = map(int, stat.read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
