"""Every key of every file that a person writes: any value is read, or refused with its line."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus.registry.ensemble_file import read_ensemble
from ensemble.customers import customers_of
from storage.config.config_file import BadConfigFile
from storage.config.parse import parse_json, parse_toml
from workers.config.chorus_toml import parse_toml as parse_chorus_toml
from workers.config.gate_file import gates_of
from workers.config.limits_file import limits_of
from workers.config.schedule_file import schedules_of

MEMBER = '{model = "bow"}'
TARGET = f'[[targets]]\nname = "mood"\nmode = "one_of"\nmembers = [{MEMBER}]\n'


def parse_chorus(data):
    toml = parse_chorus_toml(data, "f")
    return limits_of(toml), gates_of(toml), schedules_of(toml)


def parse_customers(data):
    return customers_of(parse_toml(data, "f"))


def parse_ensemble(data):
    return read_ensemble(parse_toml(data, "f"))


def parse_json_ensemble(data):
    return read_ensemble(parse_json(data, "f"))


# for each table: what parses the file, what stands before the key, and the keys
TABLES = {
    "limits": (
        parse_chorus,
        "[models.bow]\n",
        "min max keep_warm drain threads memory device gpu gate",
    ),
    "defaults": (parse_chorus, "[defaults]\n", "min max keep_warm drain threads memory device gpu"),
    "gate": (parse_chorus, "[models.bow.gate]\n", "most_flips rows least_macro_f1 labelled"),
    "schedule": (parse_chorus, "[[schedule]]\n", "name cron timezone customers since keep"),
    "chorus.toml": (parse_chorus, "", "defaults models schedule"),
    "customers.toml": (parse_customers, "", "default customers"),
    "customer": (parse_customers, "[customers.acme]\n", "ensemble"),
    "ensemble": (parse_ensemble, "", "description targets review_below"),
    "target": (parse_ensemble, "[[targets]]\n", "name mode members threshold method"),
    "member": (
        parse_ensemble,
        '[[targets]]\nname = "a"\nmode = "one_of"\n[[targets.members]]\n',
        "model weight version",
    ),
}
KEYS = [(table, key) for table, (_, _, keys) in TABLES.items() for key in keys.split()]

# TOML spells these values as JSON does
values = st.recursive(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=4)
    | st.integers(-(2**70), 2**70)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


def outcome(parse, text):
    """Return what a file means, or the BadConfigFile; anything else would be a traceback."""
    try:
        result = parse(text.encode())
    except BadConfigFile as error:
        result = error
    if isinstance(result, BadConfigFile):
        assert not re.search("pydantic|http|Traceback|Input should", str(result))
        assert re.match(r"f, line \d+: ", str(result))
    return result


@pytest.mark.parametrize(("table", "key"), KEYS)
def test_a_value_of_a_wrong_type_is_refused_on_its_line(table, key):
    parse, before, _ = TABLES[table]
    any_text = ("description", "name", "cron", "model", "labelled")
    wrong = {"version": "-1"}.get(key, "3" if key in any_text else '"?"')
    result = outcome(parse, f"{before}\n\n{key} = {wrong}\n")
    assert isinstance(result, BadConfigFile)
    assert result.line == before.count("\n") + 3
    assert key in str(result)
    assert wrong in str(result)
    assert re.search("allowed is|must be|write", str(result))


@pytest.mark.parametrize("table", TABLES)
def test_a_misspelt_key_is_refused_with_the_one_that_is_meant(table):
    parse, before, keys = TABLES[table]
    key = max(keys.split(), key=len)
    result = outcome(parse, f"{before}\n{key[:-2]}{key[-1]}{key[-2]} = 1\n")
    assert result.line == before.count("\n") + 2
    assert f"Did you mean {key}? There are: " in str(result)


@given(st.sampled_from(KEYS), values)
def test_any_value_of_any_key_is_read_or_refused(table_and_key, value):
    table, key = table_and_key
    parse, before, _ = TABLES[table]
    outcome(parse, f"{before}{key} = {json.dumps(value)}\n")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(" ".join(keys for _, _, keys in TABLES.values()).split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(json_values)
def test_any_json_is_an_ensemble_or_refused(value):
    outcome(parse_json_ensemble, json.dumps(value))


def test_a_value_that_json_can_spell_and_utf8_cannot_is_refused():
    result = outcome(parse_json_ensemble, '{"description": "\\ud800"}')
    assert "a text of whole characters" in str(result)


def test_a_number_too_long_to_print_is_refused():
    result = outcome(parse_chorus, f"[models.bow]\ngpu = 0x{'f' * 9000}\n")
    assert "gpu in [models.bow] is a number of very many digits" in str(result)
