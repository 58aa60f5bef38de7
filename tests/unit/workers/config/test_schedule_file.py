"""The schedules in chorus.toml: allowed values, and the error for every mistake."""

import json
import re
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.config.config_file import BadConfigFile
from tasks.jobs.cron import Cron
from tasks.jobs.schedule import Schedule
from workers.config.chorus_toml import parse_toml
from workers.config.limits_file import parse_limits
from workers.config.schedule_file import read_schedules, schedules_of

EXAMPLE = """
[defaults]
max = 8

[[schedule]]
name = "nightly"
cron = "30 2 * * *"
timezone = "Europe/Berlin"
customers = ["acme", "globex"]
since = "90d"
keep = 2

[[schedule]]
name = "sundays.all"
cron = "0 4 * * SUN"
"""


def schedule(text, name="x"):
    return f'[[schedule]]\nname = "{name}"\ncron = "0 4 * * *"\n{text}'


def test_without_a_file_there_are_no_schedules(place):
    assert read_schedules(place) == {}


def test_the_defaults_of_a_schedule_are_all_customers_and_utc(place):
    place.create("chorus.toml", EXAMPLE.encode())
    assert read_schedules(place) == {
        "nightly": Schedule(
            "nightly",
            Cron("30 2 * * *", "Europe/Berlin"),
            ("acme", "globex"),
            timedelta(days=90),
            keep=2,
        ),
        "sundays.all": Schedule(
            "sundays.all", Cron("0 4 * * SUN", "UTC"), customers=None, since=None, keep=1
        ),
    }
    assert list(read_schedules(place)) == ["nightly", "sundays.all"]


def test_limits_are_read_beside_schedules():
    assert parse_limits(EXAMPLE.encode(), "f").defaults.max == 8


@pytest.mark.parametrize(
    ("text", "line", "key", "expected"),
    [
        (
            "[schedule]\nname = 'x'",
            1,
            "schedule",
            r"schedule is a table; write \[\[schedule\]\] above each one",
        ),
        ("schedule = 3", 1, "schedule", "schedule is 3; write"),
        ("schedule = [3]", 1, "schedule.0", r"\[\[schedule\]\] is 3; it must be a table"),
        (
            "[[schedules]]\nname = 'x'",
            1,
            "schedules",
            r"Did you mean schedule\? There are: defaults, models, schedule",
        ),
        (
            "[[schedule]]\ncron = '* * * * *'",
            1,
            "schedule.0",
            "has no name; it needs name and cron",
        ),
        (schedule("") + "\n[[schedule]]\nname = 'y'", 5, "schedule.1", "has no cron"),
        (
            schedule("zone = 'UTC'"),
            4,
            "schedule.0.zone",
            "There are: name, cron, timezone, customers, since, keep",
        ),
        (
            schedule("", "Night"),
            2,
            "schedule.0.name",
            'name in .* is "Night"; allowed is up to 56 lower-case letters',
        ),
        (schedule("", "n" * 57), 2, "schedule.0.name", "up to 56"),
        (schedule("") + "\n" + schedule(""), 6, "schedule.1.name", "another .* with the name 'x'"),
        (
            "[[schedule]]\nname = 'x'\ncron = '61 * * * *'",
            3,
            "schedule.0.cron",
            r"five fields: .*\(bad minute\)",
        ),
        (schedule("timezone = 'Berlin'"), 4, "schedule.0.timezone", "the IANA name of a time zone"),
        (
            schedule("customers = 'acme'"),
            4,
            "schedule.0.customers",
            'is "acme"; allowed is "all", or a list',
        ),
        (
            schedule("customers = ['a', 3]"),
            4,
            "schedule.0.customers",
            "customer name '' is not allowed",
        ),
        (schedule("customers = []"), 4, "schedule.0.customers", "each once"),
        (schedule("customers = ['a', 'a']"), 4, "schedule.0.customers", "each once"),
        (
            schedule("customers = [\n'a',\n'A']"),
            4,
            "schedule.0.customers",
            "customer name 'A' is not allowed",
        ),
        (schedule("since = '3 months'"), 4, "schedule.0.since", 'allowed is seconds .* "2m"'),
        (schedule("keep = -1"), 4, "schedule.0.keep", "a whole number, 0 or more"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_what_is_allowed(text, line, key, expected):
    with pytest.raises(BadConfigFile) as caught:
        schedules_of(parse_toml(text.encode(), "home/chorus.toml"))
    assert (caught.value.line, caught.value.key) == (line, key)
    assert re.search(expected, str(caught.value), re.DOTALL), str(caught.value)


values = st.recursive(
    st.text(max_size=3) | st.integers() | st.booleans(), lambda inner: st.lists(inner, max_size=2)
)


@given(st.sampled_from(["name", "cron", "timezone", "customers", "since", "keep"]), values)
def test_any_value_of_a_key_is_read_or_refused(key, value):
    with suppress(BadConfigFile):
        schedules_of(parse_toml(f"[[schedule]]\n{key} = {json.dumps(value)}\n".encode(), "f"))
