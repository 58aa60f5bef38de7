"""`chorus diff` and the promotion gate: what a new version changes, before it is used."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from chorus.common.settings import from_environment
from chorus.compare.diff import DiffRequest, diff
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest
from storage.places.place import LocalPlace
from storage.records import scores
from storage.records.scores import Scores
from tests.support.models import small_models
from tests.support.runs.command import Command
from tests.support.runs.steps import store_dataset

TEXTS = ["great", "good <script>alert(1)</script>", "bad", "awful", "great again", "bad again"]
# probability of `positive` under version 1; version 2 says 1 where a g begins
BEFORE = [0.9, 0.2, 0.1, 0.4, 0.8, 0.3]


@pytest.fixture(scope="module")
def home(registry, tmp_path_factory):
    """A root with feedback that version 1 of mood-bow has scored and version 2 has not."""
    home = shutil.copytree(registry, tmp_path_factory.mktemp("diff") / "home")
    place = LocalPlace(home)
    texts = ["great", "awful"] * 4
    answers = [small_models.MOODS[text == "great"] for text in texts]
    small_models.publish_bow(
        place, "mood-bow", "mood", "one_of", small_models.MOODS, texts, answers
    )
    first = ModelRegistry(place).manifest("mood-bow", 1)
    for customer, texts, probabilities in (
        ("acme", TEXTS[:4], BEFORE[:4]),
        ("plain", TEXTS[4:], BEFORE[4:]),
    ):
        dataset = store_dataset(place, texts, customer=customer)
        for position, chunk in enumerate(dataset.chunks):
            good = np.array(probabilities[2 * position : 2 * position + 2], dtype=np.float32)
            chunk_scores = Scores(
                "mood-bow", 1, first.digest, first.labels, np.stack([1 - good, good], axis=1)
            )
            place.create(scores.path("mood-bow", 1, chunk.id), scores.encode(chunk_scores))
    return home


@pytest.fixture(scope="module")
def chorus(home):
    return Command(home, light=True)


@pytest.fixture(scope="module")
def compared(chorus, tmp_path_factory):
    """Return the JSON output of the first diff, and its page."""
    page = tmp_path_factory.mktemp("page") / "diff.html"
    ended = chorus(
        "diff", "mood-bow@champion", "mood-bow@2", "--json", "--most", "2", "--html", page
    )
    assert ended.status == 0, ended.err
    assert "scoring 6 rows" in ended.err
    return ended.json, page.read_text()


def test_flips_are_counted_for_each_label_and_customer(compared):
    answer, _ = compared
    mood = answer["targets"]["mood"]
    assert (answer["before"], answer["after"]) == ("mood-bow 1", "mood-bow 2")
    assert (mood["rows"], mood["changed"], mood["agreement"]) == (6, 1, pytest.approx(5 / 6))
    assert mood["kappa"] == pytest.approx((6 * 5 - 18) / (36 - 18))
    assert mood["matrix"] == {
        "negative": {"negative": 3, "positive": 1},
        "positive": {"negative": 0, "positive": 2},
    }
    flips = {label: (counts["gained"], counts["lost"]) for label, counts in mood["flips"].items()}
    assert flips == {"negative": (0, 1), "positive": (1, 0)}
    assert {
        customer: (one["rows"], one["changed"]) for customer, one in mood["customers"].items()
    } == {
        "acme": (4, 1),
        "plain": (2, 0),
    }


def test_the_rows_that_moved_most_come_with_both_answers_and_their_text(compared):
    first, second = compared[0]["targets"]["mood"]["moved"]
    assert (first["customer"], first["id"], first["text"]) == ("acme", "r1", TEXTS[1])
    assert (first["before"], first["after"], first["change"]) == (
        ["negative"],
        ["positive"],
        pytest.approx(0.8),
    )
    assert first["probabilities_before"]["positive"] == pytest.approx(0.2)
    assert (second["id"], second["text"]) == ("r3", "awful")


def test_the_page_is_self_contained_and_runs_no_script(compared):
    page = compared[1]
    assert page.startswith("<!doctype html>")
    for expected in (
        "mood-bow 1 <span>→</span> mood-bow 2",
        "good &lt;script&gt;alert(1)",
        "By customer",
    ):
        assert expected in page
    for reference in ("<script", "http:", "https:", "src=", "url("):
        assert reference not in page


@pytest.mark.usefixtures("compared")
def test_scores_of_a_diff_are_stored_and_not_computed_again(home, chorus):
    assert len(list((home / "scores/mood-bow/2").iterdir())) == 3
    artifact = home / "registry/models/mood-bow/2/pipeline.skops"
    artifact.rename(artifact.with_suffix(".away"))
    try:
        ended = chorus.here("diff", "mood-bow@1", "mood-bow@2", "--customer", "plain")
    finally:
        artifact.with_suffix(".away").rename(artifact)
    assert ended.status == 0, ended.err
    assert "scoring" not in ended.err
    for expected in (
        "mood: 0 of 2 rows changed (0.00%)",
        "before \\ after",
        "positive",
        "great again",
    ):
        assert expected in ended.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["mood-bow", None], "alias challenger of mood-bow"),
        (["mood-bow@7", None], "version or alias 7 of mood-bow"),
        (["mood-bow@1", "mood-plain@1"], "two models"),
        (["nothing@1", "nothing@2"], "no nothing among the models"),
        (["sleeper@1", "sleeper@1"], "no stored feedback"),
        (["mood-bow@1", "mood-bow@2", ("nobody",)], "acme, plain"),
        (["mood-plain@1", "mood-plain@1", ("plain",)], "does not use mood-plain"),
        (["mood-bow@1", "mood-bow@2", (), datetime(2026, 1, 1, tzinfo=UTC)], "since that date"),
        (["aaaa", "bbbb"], "no job aaaa"),
        (["acme/night", "acme/other"], "no run night of acme"),
        (["aaaa", "bbbb", (), None, 5], "--rows"),
        (
            ["mood-bow@1", "mood-bow@2", (), None, None, 20, True, Path("/no/such/folder/x.html")],
            "folder",
        ),
    ],
)
def test_sides_that_cannot_be_compared_are_refused_with_a_reason(home, arguments, expected):
    defaults = [None, None, (), None, None, 20, True, None]
    request = DiffRequest(*arguments, *defaults[len(arguments) :])
    with pytest.raises(BadRequest, match=expected):
        diff(from_environment({"CHORUS_HOME": str(home)}), request)


def test_versions_that_answer_different_targets_are_refused(chorus, home):
    texts = ["great", "awful"] * 2
    small_models.publish_bow(
        LocalPlace(home),
        "mood-plain",
        "tone",
        "one_of",
        small_models.MOODS,
        texts,
        [small_models.MOODS[text == "great"] for text in texts],
    )
    ended = chorus.here("diff", "mood-plain@1", "mood-plain@2", "--json")
    assert ended.status == 2
    assert ended.json == {
        "status": "refused",
        "error": "The versions of mood-plain answer different targets: "
        "version 1 answers mood (one_of), version 2 answers tone (one_of). Their labels have "
        "no common meaning, so they cannot be compared.",
    }


def champion(home):
    return ModelRegistry(LocalPlace(home)).aliases("mood-bow")["champion"]


@pytest.mark.usefixtures("compared")
def test_the_gate_refuses_with_figures_passes_or_is_overridden_by_force(home, tmp_path):
    home = shutil.copytree(home, tmp_path / "home")
    chorus = Command(home, light=True)
    (home / "held_out.csv").write_text(
        "text,labels\ngreat,positive\nawful,negative\ngruesome,negative\nbad,negative\n"
    )
    gate = (
        '[models.mood-bow.gate]\nmost_flips = {}\nleast_macro_f1 = {}\nlabelled = "held_out.csv"\n'
    )
    (home / "chorus.toml").write_text(gate.format(0.1, 0.8))
    refused = chorus("models", "promote", "mood-bow", 2)
    assert refused.status == 2, refused.err
    for expected in (
        "16.67% of 6 rows",
        "10.00% at most",
        "macro-F1 on 4 rows",
        "0.7333",
        "0.8 at least",
        "--force",
    ):
        assert expected in refused.err
    assert champion(home) == 1
    assert chorus.here("models", "promote", "mood-bow", 2, "--alias", "challenger").status == 0, (
        "the gate applies to the alias champion only"
    )
    (home / "chorus.toml").write_text(gate.format(0.2, 0.7))
    passed = chorus("models", "promote", "mood-bow", 2)
    assert passed.status == 0, passed.err
    assert "gate: against version 1, the champion, 16.67% of 6 rows" in passed.out
    assert champion(home) == 2
    (home / "chorus.toml").write_text(gate.format(0, 1))
    assert chorus.here("models", "promote", "mood-bow", 1, "--force").status == 0
    assert champion(home) == 1


@pytest.mark.usefixtures("compared")
def test_labels_of_any_of_that_one_version_alone_has_are_left_out_and_named(home, tmp_path):
    home = shutil.copytree(home, tmp_path / "home")
    labels, texts = ("cafe", "price"), ["the cafe", "the price", "the cafe, the price", "great"]
    answers = np.array([[label in text for label in labels] for text in texts], dtype=int)
    small_models.publish_bow(
        LocalPlace(home), "topics-bow", "topics", "any_of", labels, texts, answers
    )
    (home / "chorus.toml").write_text("[models.topics-bow.gate]\nmost_flips = 1\n")
    promoted = Command(home, light=True)("models", "promote", "topics-bow", 2)
    assert promoted.status == 0, promoted.err
    left_out = "the labels of topics that one alone has: cafe, delivery"
    assert f"rows change their label (without {left_out})" in promoted.out
    ended = Command(home).here("diff", "topics-bow@1", "topics-bow@2", "--json")
    assert ended.json["unshared_labels"] == {"topics": ["cafe", "delivery"]}
    assert list(ended.json["targets"]["topics"]["flips"]) == ["price"]
