"""`models train` and `publish`, `diff` and `promote`: the same labels under the same name."""

import pytest

from models.publishing.registry import ModelRegistry
from storage.places.place import LocalPlace

OPTIONS = ("--target", "mood", "--mode", "one_of", "--labels", "mood")


@pytest.fixture
def stars(tmp_path):
    """Labelled texts with other labels than those of mood-bow."""
    file = tmp_path / "stars.csv"
    rows = "".join(f"very good {n},five\nvery bad {n},one\n" for n in range(20))
    file.write_text(f"text,mood\n{rows}")
    return file


def test_other_labels_under_the_same_name_are_refused_unless_they_are_meant(chorus, home, stars):
    train = ("models", "train", "mood-bow", "--data", stars, *OPTIONS)
    refused = chorus.here(*train, "--json")
    assert refused.status == 2
    for expected in (
        "Version 1 of mood-bow answers mood (one_of: negative, positive)",
        "would answer mood (one_of: five, one)",
        "--new-labels",
    ):
        assert expected in refused.json["error"]
    assert ModelRegistry(LocalPlace(home)).versions("mood-bow") == [1]

    meant = chorus(*train, "--new-labels")
    assert meant.status == 0, meant.err
    assert "mood-bow 2: five, one" in meant.out
    compared = chorus.here("diff", "mood-bow@1", "mood-bow@2")
    assert compared.status == 2
    promoted = chorus.here("models", "promote", "mood-bow", 2)
    assert promoted.status == 2
    for expected in ("version 1 answers mood (one_of: negative, positive)", "(one_of: five, one)"):
        assert expected in promoted.err
    assert chorus.here("models", "promote", "mood-bow", 2, "--force").status == 0


def test_a_model_made_elsewhere_keeps_the_target_of_its_name(chorus, home):
    source = home / "registry/models/mood-plain/1/pipeline.skops"
    refused = chorus.here("models", "publish", "mood-bow", source, "--target", "tone")
    assert refused.status == 2
    assert "would answer tone (one_of: negative, positive)" in refused.err
