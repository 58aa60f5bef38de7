"""The settings of a process, and what is said about them."""

import pytest

from chorus.common.settings import SETTINGS, BadSetting, from_environment
from storage.places.allowlist import NotAllowed
from tests.support.runs.command import Command


def allowing(places):
    return from_environment({"CHORUS_HOME": "/srv/home", "CHORUS_ALLOWED_PLACES": places})


@pytest.mark.parametrize("between", [",", " ", ", ", "\n"])
def test_allowed_places_are_separated_by_commas_or_spaces(between, tmp_path):
    settings = allowing(f"{tmp_path}/in/{between}GCS://acme/inbox/")
    assert settings.allowed == (f"{tmp_path}/in", "gs://acme/inbox")
    assert settings.named("gs://acme/inbox/a.csv") == "gs://acme/inbox/a.csv"
    for url in (
        "gs://acme/a.csv",
        str(tmp_path / "a.csv"),
        "/srv/home/feedback/other/upload/chunk-00000.parquet",
    ):
        with pytest.raises(NotAllowed):
            settings.named(url)


def test_without_allowed_places_everything_may_be_named():
    assert allowing("").allowed is None
    assert from_environment({}).named("../a.csv") == "../a.csv"


@pytest.mark.parametrize("places", [",", "gs://", "gs://acme/../other", "/srv/in zip::gs://acme"])
def test_places_that_say_nothing_for_certain_are_no_setting(places):
    with pytest.raises(BadSetting, match="CHORUS_ALLOWED_PLACES"):
        allowing(places)


def test_the_doctor_shows_every_setting(tmp_path):
    shown = Command(tmp_path).here("doctor", "--json").json["settings"]
    assert set(shown) == {setting.name for setting in SETTINGS}
    assert (shown["CHORUS_DEVICE"], shown["CHORUS_PRECISION"]) == ("auto", "int8")
    table = Command(tmp_path).here("doctor").out
    assert all(setting.name in table for setting in SETTINGS)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("CHORUS_GATHER_ROWS", 100_000),
        ("CHORUS_GATHER_MS", 60_000),
        ("CHORUS_ONCE_HOURS", 366 * 24),
    ],
)
def test_what_no_bridge_could_hold_to_is_no_setting(name, most):
    from_environment({name: str(most)})
    with pytest.raises(
        BadSetting, match=f"{name} is '{most + 1}'; expected a whole number up to {most}"
    ):
        from_environment({name: str(most + 1)})
