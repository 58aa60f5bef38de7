"""The settings of a process, and the table they are made from."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from chorus.common.setting_types import BadSetting
from chorus.common.settings import Settings, child_environment, from_environment
from chorus.common.settings_table import SETTINGS, markdown_table
from storage.places.allowlist import NotAllowed
from tasks.broker.broker_url import BrokerAddress
from tests.support.runs.command import Command

REPOSITORY = Path(__file__).parents[3]
OTHER_THAN_DEFAULT = {
    "CHORUS_HOME": "gs://bucket/root",
    "CHORUS_BROKER_URL": "redis://:secret@host:6379/0",
    "CHORUS_RUN": "/srv/run",
    "CHORUS_ALLOWED_PLACES": "/srv/in,gs://acme/inbox",
    "CHORUS_CHUNK_ROWS": "17",
    "CHORUS_CORES": "3",
    "CHORUS_MEMORY": "1234",
    "CHORUS_DEVICE": "cuda:1",
    "CHORUS_PRECISION": "float32",
    "CHORUS_SUBSCRIPTION": "projects/p/subscriptions/feedback",
    "CHORUS_RESULTS_TOPIC": "projects/p/topics/labels",
    "CHORUS_DEAD_LETTER_TOPIC": "projects/p/topics/rejects",
    "CHORUS_GATHER_ROWS": "18",
    "CHORUS_GATHER_MS": "19",
    "CHORUS_ONCE_HOURS": "20",
    "CHORUS_MAX_TEXT": "21",
    "CHORUS_INTAKE_FILE": "22",
    "CHORUS_INTAKE_UNPACKED": "23",
    "CHORUS_INTAKE_RATIO": "24",
    "CHORUS_INTAKE_ROWS": "25",
    "CHORUS_INTAKE_COLUMNS": "26",
    "CHORUS_INTAKE_LINE": "27",
    "CHORUS_INTAKE_FIELD": "28",
    "CHORUS_INTAKE_DICTIONARY": "29",
    "CHORUS_INTAKE_NESTING": "30",
    "CHORUS_INTAKE_MEMORY": "31",
    "CHORUS_INTAKE_SECONDS": "32",
    "CHORUS_LOG": "json",
}


def allowing(places):
    return from_environment({"CHORUS_HOME": "/srv/home", "CHORUS_ALLOWED_PLACES": places})


def test_every_field_of_the_settings_has_an_entry_in_the_table():
    assert [setting.field for setting in SETTINGS] == [field.name for field in fields(Settings)]


def test_a_child_process_reads_the_same_settings():
    assert set(OTHER_THAN_DEFAULT) == {setting.name for setting in SETTINGS}
    for settings in (from_environment({}), from_environment(OTHER_THAN_DEFAULT)):
        broker = BrokerAddress("redis://other:6379/0")
        child = from_environment(child_environment(settings, broker))
        assert child == replace(settings, broker_url=broker.url)


def test_a_child_process_may_name_the_same_files_where_a_link_leads_to_a_name_with_a_space(
    tmp_path, monkeypatch
):
    folder = tmp_path / "my data"
    folder.mkdir()
    (tmp_path / "in").symlink_to(folder)
    monkeypatch.setenv("CHORUS_ALLOWED_PLACES", str(tmp_path / "in"))
    settings = from_environment()
    child = from_environment(child_environment(settings, BrokerAddress("redis://other:6379/0")))
    assert child.allowed_places == settings.allowed_places == (str(folder.resolve()),)


def test_the_page_of_the_documentation_is_made_from_the_table():
    page = (REPOSITORY / "docs/settings.md").read_text()
    assert page.endswith(f"\n\n{markdown_table()}")


@pytest.mark.parametrize("between", [",", " ", ", ", "\n"])
def test_allowed_places_are_separated_by_commas_or_spaces(between, tmp_path):
    settings = allowing(f"{tmp_path}/in/{between}GCS://acme/inbox/")
    assert settings.allowed_places == (f"{tmp_path}/in", "gs://acme/inbox")
    assert settings.check_allowed("gs://acme/inbox/a.csv") == "gs://acme/inbox/a.csv"
    for url in (
        "gs://acme/a.csv",
        str(tmp_path / "a.csv"),
        "/srv/home/feedback/other/upload/chunk-00000.parquet",
    ):
        with pytest.raises(NotAllowed):
            settings.check_allowed(url)


def test_without_allowed_places_a_request_may_name_any_file():
    assert allowing("").allowed_places is None
    assert from_environment({}).check_allowed("../a.csv") == "../a.csv"


@pytest.mark.parametrize("places", [",", "gs://", "gs://acme/../other", "/srv/in zip::gs://acme"])
def test_ambiguous_or_empty_allowed_places_are_refused(places):
    with pytest.raises(BadSetting, match="CHORUS_ALLOWED_PLACES"):
        allowing(places)


def test_the_doctor_shows_every_setting(tmp_path):
    shown = Command(tmp_path).here("doctor", "--json").json["settings"]
    assert set(shown) == {setting.name for setting in SETTINGS}
    assert (shown["CHORUS_DEVICE"], shown["CHORUS_PRECISION"]) == ("auto", "int8")
    assert shown["CHORUS_CHUNK_ROWS"] == 4096
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
def test_values_outside_what_a_bridge_can_keep_to_are_refused(name, most):
    from_environment({name: str(most)})
    for value in ("0", str(most + 1), "-1", "1.5", "many"):
        with pytest.raises(
            BadSetting, match=f"{name} is '{value}'; expected a whole number from 1 to {most}"
        ):
            from_environment({name: value})


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "²"])
def test_a_count_without_a_limit_is_a_whole_number_above_zero(value):
    assert from_environment({"CHORUS_CHUNK_ROWS": "10000000"}).chunk_rows == 10_000_000
    with pytest.raises(BadSetting, match="expected a whole number above 0"):
        from_environment({"CHORUS_CHUNK_ROWS": value})
