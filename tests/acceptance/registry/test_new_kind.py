"""A new kind of model works with every command once it is in the table of kinds."""

import pyarrow.parquet as pq

from models.interface.training_options import TrainingOptions
from tests.support.models.keyword_kind import ENTRY, FILE, KeywordKind
from tests.support.models.models_fixtures import moods
from tests.support.runs.command import Command, with_site

ADD_LINE = f"from models.kinds.table import KINDS\nKINDS.update({ENTRY})"
ENSEMBLE = """
[[targets]]
name = "mood"
mode = "one_of"
members = [{model = "mood"}]
"""


def test_a_new_kind_is_trained_published_and_scored_by_the_command_line(tmp_path):
    chorus = Command(tmp_path / "home", PYTHONPATH=with_site(tmp_path, ADD_LINE))
    data, folder = tmp_path / "data.csv", tmp_path / "made"
    rows = moods()
    answers = [rows.labels[column] for column in rows.truth.argmax(axis=1)]
    lines = zip(rows.texts.to_pylist(), answers, strict=True)
    data.write_text("text,mood\n" + "".join(f"{text},{answer}\n" for text, answer in lines))
    folder.mkdir()
    KeywordKind().fit(rows, folder, TrainingOptions())
    (tmp_path / "ensemble.toml").write_text(ENSEMBLE)
    (tmp_path / "feedback.csv").write_text("id,comment\n1,good again\n2,a bad box\n")

    options = ("--target", "mood", "--mode", "one_of", "--labels", "mood", "--json")
    trained = chorus("models", "train", "mood", "--kind", "keyword", "--data", data, *options)
    assert trained.status == 0, trained.err
    published = chorus("models", "publish", "mood", folder, "--target", "mood", "--json")
    assert published.status == 0, published.err
    assert [ended.json["kind"] for ended in (trained, published)] == ["keyword", "keyword"]
    assert chorus("ensembles", "publish", "default", tmp_path / "ensemble.toml").status == 0
    scored = chorus("score", tmp_path / "feedback.csv", "--json")
    assert scored.status == 0, scored.err
    table = pq.read_table(scored.json["output"], partitioning=None)
    assert table.column("mood").to_pylist() == ["good", "bad"]


def test_help_lists_a_new_kind(tmp_path):
    chorus = Command(tmp_path / "home", PYTHONPATH=with_site(tmp_path, ADD_LINE))
    for command in ("train", "publish"):
        shown = " ".join(chorus("models", command, "--help").out.split())
        assert f"keyword Counts words. Recognised by {FILE}." in shown
