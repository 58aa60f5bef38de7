"""Measure what a change costs, against labelling everything anew.

`chorus score` and `chorus reprocess` label the demo's corpus of tweets (ROWS=10000 limits it) with
the demo's four models. Cost is processor time of the command and of all processes that it starts,
because this is what is paid for, and other work on the machine disturbs it least; seconds stand
beside it. The full run labels everything once. Then follow, one after the other:

    a new version of one model     the same files published again: only the version differs
    new weights                    another version of the ensemble, the same models
    1 % new rows                   the same upload with new texts at random places, and as many
                                   others left out

The rows that models must score are counted before a run by the function that workers use
(`tasks.planning.score_reuse`), for each missing cell. Before each run that scores something,
`chorus plan` makes a forecast, which is compared with the seconds used.
"""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.demo_models import real_texts
from support.report import AtMost, Target, report

from chorus.common.settings import from_environment
from ensemble.spec import EnsembleRegistry
from models.interface.manifest import ModelSpec
from models.publishing.registry import ModelRegistry
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import Dataset, datasets, read_texts
from storage.records.scores import path
from tasks.board.worker_profile import expected_profile_of
from tasks.jobs.submit import resolve_versions
from tasks.planning.score_reuse import reuse_scores

CUSTOMER = "default"  # whose ensemble has two transformers and two bags of words
CHANGED = ("sentiment-minilm", "sentiment-bow")
NEW_SHARE = 0.01  # share of the rows that are new in the second upload, and of those left out
LARGEST_SHARE = 0.05  # of a full run: the most that a change may cost beside the model itself
LARGEST_FORECAST_ERROR = 0.25
SEED = 7


@dataclass(frozen=True)
class CommandCost:
    """The cost of one command."""

    processor: float  # seconds, of the command and its child processes
    seconds: float
    started_models: tuple[str, ...]  # models that had a worker
    output: dict[str, Any]


def main() -> None:
    texts = real_texts(int(os.environ.get("ROWS", 10**6)))
    with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
        root = Path(folder, "home")
        place = copy_registry(root)
        measures: dict[str, float] = {"rows": len(texts)}
        targets: dict[str, Target] = {}
        full = run_measured(root, "score", write_upload(folder, "monday", texts))
        measures |= {"full run: processor s": full.processor, "full run: s": full.seconds}
        shares = {model: model_share(place, model, texts, full) for model in CHANGED}
        for model, share in shares.items():
            publish_again(place, model)
            name, expected = (
                f"new version of {model}",
                forecast_seconds(root, "--customer", CUSTOMER),
            )
            cost = run_measured(root, "reprocess", "--customer", CUSTOMER)
            measures |= {
                f"{name}: share of the model in a full run": share,
                f"{name}: cost against a full run": cost.processor / full.processor,
                f"{name}: models that woke": len(cost.started_models),
                f"{name}: s": cost.seconds,
                f"{name}: forecast off by": abs(expected / cost.seconds - 1),
            }
            targets[f"{name}: cost against a full run"] = AtMost(share + LARGEST_SHARE)
            targets[f"{name}: models that woke"] = AtMost(1)
            targets[f"{name}: forecast off by"] = AtMost(LARGEST_FORECAST_ERROR)
        publish_weights(place)
        cost = run_measured(root, "reprocess", "--customer", CUSTOMER)
        measures |= {
            "new weights: cost against a full run": cost.processor / full.processor,
            "new weights: models that woke": len(cost.started_models),
            "new weights: s": cost.seconds,
        }
        targets["new weights: cost against a full run"] = AtMost(LARGEST_SHARE)
        targets["new weights: models that woke"] = AtMost(0)
        file = write_upload(folder, "tuesday", change_texts(texts))
        forecast_seconds(root, file)  # stores the upload
        rows = share_of_rows_to_score(place, datasets(place, CUSTOMER)[-1])
        cost = run_measured(root, "score", file)
        measures |= {
            "1 % new rows: rows scored again": rows,
            "1 % new rows: cost against a full run": cost.processor / full.processor,
            "1 % new rows: s": cost.seconds,
        }
        targets["1 % new rows: rows scored again"] = AtMost(LARGEST_SHARE)
    report("reprocess", measures, targets)


def copy_registry(root: Path) -> Place:
    """Create a root with a copy of the demo's registry, to publish to."""
    source = Path(from_environment().home)
    if not (source / "registry/models").is_dir():
        sys.exit(f"There are no models in {source}. Run: make demo")
    shutil.copytree(source / "registry", root / "registry")
    for measured in root.glob("registry/models/*/*/measured.json"):
        measured.unlink()  # only the full run's own measurements count
    return open_place(str(root))


def run_measured(root: Path, *words: str) -> CommandCost:
    """Run one command to its end and return its cost."""
    shutil.rmtree(root / "run/logs", ignore_errors=True)
    started_at, before = time.monotonic(), processor_seconds()
    output = run_chorus(root, *words)
    cost, seconds = processor_seconds() - before, time.monotonic() - started_at
    logs = {log.stem for log in (root / "run/logs").glob("*.log")}
    started_models = tuple(sorted(logs - {"commands", "control"}))
    print(
        f"{words[0]}: {seconds:.1f} s, {cost:.1f} processor s, woke {started_models}",
        file=sys.stderr,
        flush=True,
    )
    return CommandCost(cost, seconds, started_models, output)


def run_chorus(root: Path, *words: str) -> dict[str, Any]:
    """Run a command of Chorus and return its JSON output."""
    command = [sys.executable, "-m", "chorus", *words, "--json"]
    completed = subprocess.run(  # noqa: S603 — this package
        command, env=os.environ | {"CHORUS_HOME": str(root)}, stdout=subprocess.PIPE, check=True
    )
    result: dict[str, Any] = json.loads(completed.stdout.splitlines()[-1])
    return result


def processor_seconds() -> float:
    """Return the processor seconds of all commands so far, child processes included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def forecast_seconds(root: Path, *words: str) -> float:
    """Return the seconds that `chorus plan` expects."""
    return float(run_chorus(root, "plan", *words)["seconds"])


def model_share(place: Place, model: str, texts: Sequence[str], full: CommandCost) -> float:
    """Return the model's share of the full run, from its worker's measured processor seconds."""
    profile = expected_profile_of(place, ModelRegistry(place).resolve(model))
    return (profile.start_work + profile.seconds(len(texts), sum(map(len, texts)))) / full.processor


def publish_again(place: Place, model: str) -> None:
    """Publish the champion's files as the next version and promote it."""
    registry = ModelRegistry(place)
    champion = registry.resolve(model)
    with (
        registry.verified(champion) as folder,
        tempfile.TemporaryDirectory(prefix="chorus-bench-") as copy,
    ):
        for artifact in champion.artifacts:
            shutil.copyfile(folder / artifact.file, Path(copy, artifact.file))
        spec = ModelSpec(**{name: getattr(champion, name) for name in ModelSpec.model_fields})
        version = registry.publish(model, Path(copy), spec, datetime.now(UTC)).version
    registry.store.promote(model, version, datetime.now(UTC))


def publish_weights(place: Place) -> None:
    """Publish the ensemble with other weights and promote it."""
    registry = EnsembleRegistry(place)
    name = resolve_versions(place, CUSTOMER).ensemble.name
    before = registry.read(name, registry.store.resolve(name))
    targets = tuple(
        target.model_copy(
            update={
                "members": tuple(
                    member.model_copy(update={"weight": 1.0 + index})
                    for index, member in enumerate(target.members)
                )
            }
        )
        for target in before.targets
    )
    version = registry.publish(
        name, before.model_copy(update={"targets": targets}), datetime.now(UTC)
    )
    registry.store.promote(name, version, datetime.now(UTC))


def change_texts(texts: Sequence[str]) -> list[str]:
    """Remove 1 % of the texts and insert as many new ones, both at random places."""
    generator, count = random.Random(SEED), int(NEW_SHARE * len(texts))  # noqa: S311 — places, no secrets
    removed = set(generator.sample(range(len(texts)), count))
    result = [text for index, text in enumerate(texts) if index not in removed]
    for number in range(count):
        result.insert(
            generator.randrange(len(result) + 1),
            f"{generator.choice(texts)} and that was call number {number}",
        )
    return result


def share_of_rows_to_score(place: Place, dataset: Dataset) -> float:
    """Return the share of the dataset's rows, over all models, without reusable scores."""
    missing_rows = rows = 0
    for model in resolve_versions(place, CUSTOMER).models:
        for position, chunk in enumerate(dataset.chunks):
            rows += chunk.rows
            if not place.exists(path(model.name, model.version, chunk.id)):
                missing_rows += len(
                    reuse_scores(
                        place, dataset, position, model, read_texts(place, dataset, position)
                    ).missing_rows
                )
    return missing_rows / rows


def write_upload(folder: str, name: str, texts: Sequence[str]) -> str:
    file = Path(folder, f"{name}.jsonl")
    file.write_text(
        "".join(json.dumps({"id": index, "text": text}) + "\n" for index, text in enumerate(texts))
    )
    return str(file)


if __name__ == "__main__":
    main()
