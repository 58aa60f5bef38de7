"""What it costs to follow a change, against labelling everything anew, by `chorus score` and
`chorus reprocess`.

The demo's corpus of tweets (ROWS=10000 takes only so many) under the demo's four models. Cost is
processor time, of the command and all processes that it starts, since that is what is paid for and
what other work on the machine disturbs least; seconds stand beside it. First everything is labelled
once, which is the full run. Then, one after the other:

    a new version of one model     the same files published again, so that nothing but the version differs
    new weights                    another version of the ensemble, the same models
    1 % new rows                   the same upload, with new texts scattered through it and others left out

Rows that reach a model are counted by asking, before each run, what workers ask
(`tasks.planning.score_reuse`) of every missing cell. The forecast of `chorus plan` is asked before
each run that scores something, and held against the seconds it took.
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

CUSTOMER = "default"  # its ensemble has two transformers and two bags of words
CHANGED = ("sentiment-minilm", "sentiment-bow")
NEW = 0.01  # share of the rows that the second upload brings, and leaves out
FULL_SHARE = 0.05  # of a full run: what following a change may cost beside the model itself
FORECAST_OFF = 0.25
SEED = 7


@dataclass(frozen=True)
class Cost:
    """Of one command."""

    processor: float  # seconds, of it and all that it started
    seconds: float
    woken: tuple[str, ...]  # models that had a worker
    said: dict[str, Any]


def main() -> None:
    texts = real_texts(int(os.environ.get("ROWS", 10**6)))
    with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
        root = Path(folder, "home")
        place = copied_home(root)
        measures: dict[str, float] = {"rows": len(texts)}
        targets: dict[str, Target] = {}
        full = run(root, "score", write(folder, "monday", texts))
        measures |= {"full run: processor s": full.processor, "full run: s": full.seconds}
        shares = {model: share_of(place, model, texts, full) for model in CHANGED}
        for model, share in shares.items():
            publish_again(place, model)
            name, expected = f"new version of {model}", plan(root, "--customer", CUSTOMER)
            cost = run(root, "reprocess", "--customer", CUSTOMER)
            measures |= {
                f"{name}: share of the model in a full run": share,
                f"{name}: cost against a full run": cost.processor / full.processor,
                f"{name}: models that woke": len(cost.woken),
                f"{name}: s": cost.seconds,
                f"{name}: forecast off by": abs(expected / cost.seconds - 1),
            }
            targets[f"{name}: cost against a full run"] = AtMost(share + FULL_SHARE)
            targets[f"{name}: models that woke"] = AtMost(1)
            targets[f"{name}: forecast off by"] = AtMost(FORECAST_OFF)
        publish_weights(place)
        cost = run(root, "reprocess", "--customer", CUSTOMER)
        measures |= {
            "new weights: cost against a full run": cost.processor / full.processor,
            "new weights: models that woke": len(cost.woken),
            "new weights: s": cost.seconds,
        }
        targets["new weights: cost against a full run"] = AtMost(FULL_SHARE)
        targets["new weights: models that woke"] = AtMost(0)
        file = write(folder, "tuesday", changed(texts))
        plan(root, file)  # takes it in
        rows = rows_for_models(place, datasets(place, CUSTOMER)[-1])
        cost = run(root, "score", file)
        measures |= {
            "1 % new rows: rows scored again": rows,
            "1 % new rows: cost against a full run": cost.processor / full.processor,
            "1 % new rows: s": cost.seconds,
        }
        targets["1 % new rows: rows scored again"] = AtMost(FULL_SHARE)
    report("reprocess", measures, targets)


def copied_home(root: Path) -> Place:
    """A home with the demo's registry, to be published to."""
    source = Path(from_environment().home)
    if not (source / "registry/models").is_dir():
        sys.exit(f"There are no models in {source}. Run: make demo")
    shutil.copytree(source / "registry", root / "registry")
    for measured in root.glob("registry/models/*/*/measured.json"):
        measured.unlink()  # what is known is to come from the full run alone
    return open_place(str(root))


def run(root: Path, *words: str) -> Cost:
    """One command to its end."""
    shutil.rmtree(root / "run/logs", ignore_errors=True)
    began, before = time.monotonic(), processor_seconds()
    said = chorus(root, *words)
    cost, seconds = processor_seconds() - before, time.monotonic() - began
    woken = tuple(
        sorted(log.stem for log in (root / "run/logs").glob("*.log") if log.stem != "control")
    )
    print(
        f"{words[0]}: {seconds:.1f} s, {cost:.1f} processor s, woke {woken}",
        file=sys.stderr,
        flush=True,
    )
    return Cost(cost, seconds, woken, said)


def chorus(root: Path, *words: str) -> dict[str, Any]:
    """What the command says as JSON."""
    command = [sys.executable, "-m", "chorus", *words, "--json"]
    done = subprocess.run(  # noqa: S603 — this package
        command, env=os.environ | {"CHORUS_HOME": str(root)}, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def processor_seconds() -> float:
    """Of all commands so far, and of the processes that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def plan(root: Path, *words: str) -> float:
    """Seconds that are expected."""
    return float(chorus(root, "plan", *words)["seconds"])


def share_of(place: Place, model: str, texts: Sequence[str], full: Cost) -> float:
    """The part of the full run that was this model's worker, by the processor seconds that it
    measured of itself.
    """
    known = expected_profile_of(place, ModelRegistry(place).resolve(model))
    return (known.start_work + known.seconds(len(texts), sum(map(len, texts)))) / full.processor


def publish_again(place: Place, model: str) -> None:
    """The champion's files as the next version, promoted."""
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
    """The ensemble with other weights, promoted."""
    registry = EnsembleRegistry(place)
    name = resolve_versions(place, CUSTOMER).ensemble.name
    before = registry.read(name, registry.store.resolve(name))
    targets = tuple(
        target.model_copy(
            update={
                "members": tuple(
                    member.model_copy(update={"weight": 1.0 + at})
                    for at, member in enumerate(target.members)
                )
            }
        )
        for target in before.targets
    )
    version = registry.publish(
        name, before.model_copy(update={"targets": targets}), datetime.now(UTC)
    )
    registry.store.promote(name, version, datetime.now(UTC))


def changed(texts: Sequence[str]) -> list[str]:
    """1 % of the texts left out, and as many new ones put in between the others, both at random
    places.
    """
    chance, count = random.Random(SEED), int(NEW * len(texts))  # noqa: S311 — places, no secrets
    gone = set(chance.sample(range(len(texts)), count))
    found = [text for at, text in enumerate(texts) if at not in gone]
    for number in range(count):
        found.insert(
            chance.randrange(len(found) + 1),
            f"{chance.choice(texts)} and that was call number {number}",
        )
    return found


def rows_for_models(place: Place, dataset: Dataset) -> float:
    """The share of the dataset's rows, over all models, that no earlier scores are there for."""
    left = rows = 0
    for model in resolve_versions(place, CUSTOMER).models:
        for position, chunk in enumerate(dataset.chunks):
            rows += chunk.rows
            if not place.exists(path(model.name, model.version, chunk.id)):
                left += len(
                    reuse_scores(
                        place, dataset, position, model, read_texts(place, dataset, position)
                    ).missing_rows
                )
    return left / rows


def write(folder: str, name: str, texts: Sequence[str]) -> str:
    file = Path(folder, f"{name}.jsonl")
    file.write_text(
        "".join(json.dumps({"id": at, "text": text}) + "\n" for at, text in enumerate(texts))
    )
    return str(file)


if __name__ == "__main__":
    main()
