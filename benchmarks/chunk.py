"""Measure where the time of one chunk goes: 4,096 tweets through one transformer.

All steps, from the file to the labelled part, run in this process one after the other, with a real
broker for the board and a list in place of the queues. latency.py measures what a message costs
between processes. Prints a table; `--svg FILE` draws it.
"""

import argparse
import cProfile
import pstats
from dataclasses import replace
from pathlib import Path

from support.demo_models import real_texts, root_with_models
from support.job_builder import job_from_texts
from support.report import median, report
from support.service import temporary_root

from chorus.common.settings import from_environment
from chorus.service.connection import broker_for
from models.interface.compute import Compute
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.keys import key_prefix
from tasks.broker.step_messages import FinishJob, ReduceChunk, ScoreCell, StepMessage
from tasks.jobs.submit import start_job
from tasks.steps.finish import finish
from tasks.steps.reduce import reduce
from tasks.steps.score import score
from workers.scoring.model_cache import ModelCache

MODEL = "sentiment-minilm"
ROWS = 4096
ROUNDS = 5
STEPS = (  # label, file, and function: its time with all that it calls
    ("take the upload in", "intake/dataset/upload.py", "store_upload"),
    ("write the job", "tasks/jobs/submit.py", "create_job"),
    ("plan", "tasks/planning/reconcile_job.py", "reconcile"),
    ("read the texts", "storage/records/feedback.py", "read_texts"),
    ("tokens and batches", "models/transformer/openvino_scorer.py", "prepare"),
    ("the network", "models/transformer/openvino_scorer.py", "infer"),
    ("probabilities of each row", "models/transformer/openvino_scorer.py", "finish"),
    ("score: files and board", "tasks/steps/score.py", "score"),
    ("reduce: combine, write the part", "tasks/steps/reduce.py", "reduce"),
    ("finish: checksums, manifest", "tasks/steps/finish.py", "finish"),
)
CALLED_STEPS = {  # step: the other steps that it calls
    "score: files and board": (
        "read the texts",
        "tokens and batches",
        "the network",
        "probabilities of each row",
    ),
    "reduce: combine, write the part": ("finish: checksums, manifest",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--svg", type=Path, help="draw the result into this file")
    svg = parser.parse_args().svg
    rounds = [time_steps() for _ in range(ROUNDS)]
    milliseconds = {label: median([measured[label] for measured in rounds]) for label, *_ in STEPS}
    total = sum(milliseconds.values())
    measures = {f"{label}, ms": value for label, value in milliseconds.items()}
    report(
        "chunk",
        {
            **measures,
            "total, ms": total,
            "share of the network": milliseconds["the network"] / total,
        },
        {},
    )
    if svg:
        svg.write_text(draw(milliseconds))


def time_steps() -> dict[str, float]:
    """Milliseconds a step, in a fresh home, with the model in memory."""
    settings = replace(from_environment(), broker_url=None)
    with temporary_root() as root:
        place = root_with_models(root, MODEL)
        with broker_for(replace(settings, home=str(root), run=root / "run")) as broker:
            queue: list[StepMessage] = []
            context = Context(
                place, Board(broker.address.client(), key_prefix(place)), queue.append
            )
            cache = ModelCache(
                place,
                Compute(
                    threads=settings.cores, precision=settings.precision, cache=root / "compiled"
                ),
            )
            # different texts, batches of the same shapes
            run(context, cache, queue, [f"{text} again" for text in real_texts(ROWS)])
            profile = cProfile.Profile()
            profile.enable()
            run(context, cache, queue, real_texts(ROWS))
            profile.disable()
    return step_times(pstats.Stats(profile))


def run(context: Context, cache: ModelCache, queue: list[StepMessage], texts: list[str]) -> None:
    """Run a job from its texts to its manifest, each step when its message comes."""
    start_job(context, job_from_texts(context.place, MODEL, texts))
    while queue:
        message = queue.pop(0)
        if isinstance(message, ScoreCell):
            score(context, cache, message)
        elif isinstance(message, ReduceChunk):
            reduce(context, message)
        elif isinstance(message, FinishJob):
            finish(context, message)


def step_times(stats: pstats.Stats) -> dict[str, float]:
    """Return the milliseconds of each of STEPS. A called step counts only once."""
    measured = {
        (Path(file).parts[-2:], function): 1000 * cumulative
        for (file, _, function), (_, _, _, cumulative, _) in stats.stats.items()  # type: ignore[attr-defined]
    }
    step_milliseconds = {
        label: measured[tuple(Path(file).parts), function] for label, file, function in STEPS
    }
    for label, called in CALLED_STEPS.items():
        step_milliseconds[label] -= sum(step_milliseconds[other] for other in called)
    return step_milliseconds


def draw(milliseconds: dict[str, float]) -> str:
    """Draw two columns of bars: all steps to one scale, and again without the network."""
    total, most = (
        sum(milliseconds.values()),
        max(v for label, v in milliseconds.items() if label != "the network"),
    )
    lines = []
    for row, (label, value) in enumerate(milliseconds.items()):
        y = 58 + 26 * row
        lines.append(f'<text x="238" y="{y + 13}" text-anchor="end">{label}</text>')
        lines.append(
            f'<rect x="250" y="{y}" width="{max(1, 240 * value / total):.1f}" height="17" '
            'fill="#3b6ea5"/>'
        )
        if label != "the network":
            lines.append(
                f'<rect x="560" y="{y}" width="{max(1, 240 * value / most):.1f}" height="17" '
                'fill="#c9793a"/>'
            )
        lines.append(
            f'<text x="{568 + (240 * value / most if label != "the network" else 0):.1f}" '
            f'y="{y + 13}">'
        )
        lines.append(f"{value:,.1f} ms, {value / total:.1%}</text>")
    height = 70 + 26 * len(milliseconds)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="960" height="{height}" '
        'font-family="sans-serif" font-size="13">'
        f'<rect width="960" height="{height}" fill="white"/>'
        f'<text x="20" y="24" font-size="15">One chunk of {ROWS:,} tweets through MiniLM-L6: '
        f"{total:,.0f} ms</text>"
        '<text x="250" y="46">of the whole</text><text x="560" y="46">all but the network, '
        "magnified</text>"
        f"{''.join(lines)}</svg>\n"
    )


if __name__ == "__main__":
    main()
