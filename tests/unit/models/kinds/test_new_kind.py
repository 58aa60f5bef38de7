"""A new kind of model is one module and one line in the table."""

import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from models.interface.compute import Compute
from models.interface.import_result import NotAModel
from models.interface.scorer import score
from models.interface.training_options import TrainingOptions
from models.kinds import table
from models.kinds.table import all_kinds, open_scorer
from models.publishing.publish import OptionNotSupported, publish_from
from models.publishing.registry import ModelRegistry
from models.publishing.train_model import train
from storage.places.place import LocalPlace
from tests.support.models.keyword_kind import ENTRY, FILE
from tests.support.models.models_fixtures import moods, strings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = strings("good again", "a bad box")


def add_line():
    """Add the line to the table of this process."""
    table.KINDS.update(ENTRY)


@pytest.fixture(autouse=True)
def with_line(monkeypatch):
    monkeypatch.setattr(table, "KINDS", table.KINDS | ENTRY)


@pytest.fixture
def registry(tmp_path):
    return ModelRegistry(LocalPlace(tmp_path / "home"))


@pytest.fixture
def trained(tmp_path):
    """The folder and the spec of a model that was just trained."""
    folder = tmp_path / "trained"
    folder.mkdir()
    return folder, train(
        "keyword", "mood", moods(), folder, TrainingOptions(), "moods", 0.25, add_line
    ).spec


def best_labels(registry, manifest):
    with registry.verified(manifest) as folder:
        scorer = open_scorer(manifest, folder, Compute("cuda"))
        scorer.load()
        values = score(scorer, TEXTS)
    assert np.allclose(values.sum(axis=1), 1)
    return [manifest.labels[column] for column in values.argmax(axis=1)]


def test_a_model_of_a_new_kind_is_trained_published_and_scored(registry, trained):
    folder, spec = trained
    assert spec.card.metrics["accuracy"] == 1.0
    assert spec.measured.rows_per_second > 0
    assert spec.measured.tokens_per_second is None
    assert best_labels(registry, registry.publish("mood", folder, spec, NOW)) == ["good", "bad"]


def test_a_folder_of_a_new_kind_is_recognised_and_published(registry, trained):
    manifest = publish_from(registry, "mood", trained[0], "mood", NOW, initializer=add_line)
    assert (manifest.kind, manifest.labels, manifest.precisions) == ("keyword", ("bad", "good"), ())
    assert best_labels(registry, manifest) == ["good", "bad"]


def test_limits_on_tokens_are_refused_for_a_new_kind_that_reads_none(registry, trained):
    with pytest.raises(OptionNotSupported, match="A keyword reads every text to its end"):
        publish_from(registry, "mood", trained[0], "mood", NOW, max_tokens=16)


def test_errors_name_a_new_kind_among_the_others(registry, tmp_path):
    with pytest.raises(NotAModel, match=rf"neither config.json nor a .skops file nor {FILE}"):
        publish_from(registry, "mood", tmp_path, "mood", NOW)
    with pytest.raises(table.UnknownKind, match="The kinds are: bow, keyword, transformer"):
        table.find_kind("forest")


def test_every_kind_describes_itself():
    for kind in all_kinds().values():
        assert kind.summary.endswith(".")
        assert kind.recognised_by


def test_importing_every_kind_loads_no_model_library():
    code = (
        "import sys; from models.kinds.table import all_kinds; all_kinds();"
        "heavy = {'sklearn', 'skops', 'openvino', 'torch', 'transformers', 'tokenizers', 'nncf'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
