"""Where the time of one chunk goes: 4,096 tweets through one transformer, from the file to the
labelled part.

All steps run in this process, one after the other, with a real broker for the board and a list for
the queues: what a message needs from one process to the next is measured by latency.py. Prints a
table, and draws it with --svg FILE.
"""

import argparse
import cProfile
import pstats
from dataclasses import replace
from pathlib import Path

from support.demo_models import home_with, real_texts
from support.front_door import job_for
from support.report import median, report
from support.service import home

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
from workers.scoring.scoring_worker import ModelCache

MODEL = "sentiment-minilm"
ROWS = 4096
ROUNDS = 5
STEPS = (  # what is shown: a label, and the function whose time it is, with all that it calls
    ("take the upload in", "intake/dataset/upload.py", "store_upload"),
    ("write the job", "tasks/jobs/submit.py", "write_job"),
    ("plan", "tasks/planning/reconcile_job.py", "reconcile"),
    ("read the texts", "storage/records/feedback.py", "read_texts"),
    ("tokens and batches", "models/transformer/openvino_scorer.py", "prepare"),
    ("the network", "models/transformer/openvino_scorer.py", "infer"),
    ("probabilities of each row", "models/transformer/openvino_scorer.py", "finish"),
    ("score: files and board", "tasks/steps/score.py", "score"),
    ("reduce: combine, write the part", "tasks/steps/reduce.py", "reduce"),
    ("finish: checksums, manifest", "tasks/steps/finish.py", "finish"),
)
WITHIN = {  # of a step, the others that it calls
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
    drawing = parser.parse_args().svg
    rounds = [round_of_steps() for _ in range(ROUNDS)]
    milliseconds = {label: median([found[label] for found in rounds]) for label, *_ in STEPS}
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
    if drawing:
        drawing.write_text(picture(milliseconds))


def round_of_steps() -> dict[str, float]:
    """Milliseconds a step, in a fresh home, with the model in memory."""
    settings = replace(from_environment(), broker_url=None)
    with home() as root:
        place = home_with(root, MODEL)
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
            # other texts, like shapes
            run(context, cache, queue, [f"{text} again" for text in real_texts(ROWS)])
            profile = cProfile.Profile()
            profile.enable()
            run(context, cache, queue, real_texts(ROWS))
            profile.disable()
    return times(pstats.Stats(profile))


def run(context: Context, cache: ModelCache, queue: list[StepMessage], texts: list[str]) -> None:
    """From texts to the manifest, step by step as the queue asks for them."""
    start_job(context, job_for(context.place, MODEL, texts))
    while queue:
        message = queue.pop(0)
        if isinstance(message, ScoreCell):
            score(context, cache, message)
        elif isinstance(message, ReduceChunk):
            reduce(context, message)
        elif isinstance(message, FinishJob):
            finish(context, message)


def times(stats: pstats.Stats) -> dict[str, float]:
    """Milliseconds of each of STEPS, each counted once."""
    found = {
        (Path(file).parts[-2:], function): 1000 * cumulative
        for (file, _, function), (_, _, _, cumulative, _) in stats.stats.items()  # type: ignore[attr-defined]
    }
    spent = {label: found[tuple(Path(file).parts), function] for label, file, function in STEPS}
    for label, others in WITHIN.items():
        spent[label] -= sum(spent[other] for other in others)
    return spent


def picture(milliseconds: dict[str, float]) -> str:
    """Two rows of bars: all steps to one scale, and again without the network."""
    total, most = (
        sum(milliseconds.values()),
        max(v for label, v in milliseconds.items() if label != "the network"),
    )
    lines = []
    for row, (label, value) in enumerate(milliseconds.items()):
        y = 58 + 26 * row
        lines.append(f'<text x="238" y="{y + 13}" text-anchor="end">{label}</text>')
        lines.append(
            f'<rect x="250" y="{y}" width="{max(1, 240 * value / total):.1f}" height="17" fill="#3b6ea5"/>'
        )
        if label != "the network":
            lines.append(
                f'<rect x="560" y="{y}" width="{max(1, 240 * value / most):.1f}" height="17" fill="#c9793a"/>'
            )
        lines.append(
            f'<text x="{568 + (240 * value / most if label != "the network" else 0):.1f}" y="{y + 13}">'
        )
        lines.append(f"{value:,.1f} ms, {value / total:.1%}</text>")
    height = 70 + 26 * len(milliseconds)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="960" height="{height}" '
        'font-family="sans-serif" font-size="13">'
        f'<rect width="960" height="{height}" fill="white"/>'
        f'<text x="20" y="24" font-size="15">One chunk of {ROWS:,} tweets through MiniLM-L6: {total:,.0f} ms</text>'
        '<text x="250" y="46">of the whole</text><text x="560" y="46">all but the network, magnified</text>'
        f"{''.join(lines)}</svg>\n"
    )


if __name__ == "__main__":
    main()
