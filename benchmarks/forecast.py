"""Measure the error of `chorus plan`: after one job of 6,000 tweets, plan and score 10,000 others.

Three rounds run for the demo's ensemble and three for one of its transformers alone, each with
tweets that no earlier job had. Beside the seconds stand the processor seconds, expected and used by
all processes of the command, and the share of the processors that other programs used meanwhile.
The uncorrected forecast assumes that no other programs run, so it is also compared with the seconds
used less that share. This is exact if the processors were always busy, and too low a figure
otherwise.
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

from support.demo_models import ALL_MODELS, real_texts, root_with_models
from support.report import AtMost, Target, report

from storage.places.place import Place
from storage.records.jobs import read_end

MODELS = ("sentiment-bow", "sentiment-minilm", "topics-bow", "topics-minilm")
ONE_MODEL = "sentiment-minilm"
FIRST_ROWS, ROWS, ROUNDS = 6_000, 10_000, 3
LARGEST_ERROR = 0.25


@dataclass(frozen=True)
class ForecastRound:
    """Seconds from a job's arrival to its end, and processor seconds of its rows: expected and
    used.
    """

    expected: float
    calculated: float  # what is expected, without the correction by earlier jobs
    taken: float
    work_expected: float  # of the models, without the start of any process
    work_taken: float  # of every process
    other_programs: float  # share of the processors' time

    @property
    def error(self) -> float:
        return abs(self.expected / self.taken - 1)

    @property
    def calculation_error(self) -> float:
        return abs(self.calculated / (self.taken * (1 - self.other_programs)) - 1)


def main() -> None:
    measures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    texts = real_texts(FIRST_ROWS + ROUNDS * ROWS)
    for customer in (ALL_MODELS, ONE_MODEL):
        with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
            root = Path(folder, "home")
            place = root_with_models(root, *MODELS)
            run_chorus(root, "score", write_upload(folder, texts[:FIRST_ROWS]), customer)
            for number in range(ROUNDS):
                round_texts = texts[FIRST_ROWS + number * ROWS :][:ROWS]
                result = measure(place, root, write_upload(folder, round_texts), customer)
                name = f"{customer}, round {number + 1}"
                measures |= {
                    f"{name}: seconds expected": result.expected,
                    f"{name}: seconds taken": result.taken,
                    f"{name}: off by": result.error,
                    f"{name}: calculated, without the correction": result.calculated,
                    f"{name}: off by, without other programs": result.calculation_error,
                    f"{name}: models' processor s expected": result.work_expected,
                    f"{name}: processor s taken, starts and all": result.work_taken,
                    f"{name}: share of other programs": result.other_programs,
                }
                targets[f"{name}: off by"] = AtMost(LARGEST_ERROR)
    report("forecast", measures, targets)


def measure(place: Place, root: Path, file: Path, customer: str) -> ForecastRound:
    """Ask for the forecast of an upload, score the upload, and return both."""
    plan = run_chorus(root, "plan", file, customer)
    busy, own = machine_seconds(), child_seconds()
    started_at = time.monotonic()
    job = run_chorus(root, "score", file, customer)["job"]
    wall, work = time.monotonic() - started_at, child_seconds() - own
    end = read_end(place, job)
    if job != plan["job"] or end is None or end.seconds is None:
        raise RuntimeError(f"job {job} is not the one that was planned, or has no end")
    other_programs = max(0.0, machine_seconds() - busy - work) / (wall * (os.cpu_count() or 1))
    models = sum(model["device_seconds"] for model in plan["models"])
    result = ForecastRound(
        plan["seconds"],
        plan["seconds"] / plan["correction"],
        end.seconds,
        models,
        work,
        other_programs,
    )
    print(
        customer,
        result,
        f"{result.error:.2f} {result.calculation_error:.2f}",
        file=sys.stderr,
        flush=True,
    )
    return result


def run_chorus(root: Path, command: str, file: Path, customer: str) -> dict:
    """Run a command of Chorus and return its JSON output."""
    command_line = [
        sys.executable,
        "-m",
        "chorus",
        command,
        str(file),
        "--customer",
        customer,
        "--json",
    ]
    completed = subprocess.run(  # noqa: S603 — this package
        command_line,
        env=os.environ | {"CHORUS_HOME": str(root)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(completed.stdout.splitlines()[-1])


def write_upload(folder: str, texts: list[str]) -> Path:
    file = Path(folder, "upload.jsonl")
    file.write_text(
        "".join(
            json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(texts)
        )
    )
    return file


def child_seconds() -> float:
    """Return the processor seconds of all commands so far, child processes included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def machine_seconds() -> float:
    """Return the processor seconds that all programs of this machine have used.

    Returns 0 where the system does not tell.
    """
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system = map(int, stat.read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
