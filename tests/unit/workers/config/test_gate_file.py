"""The promotion gates of chorus.toml: allowed values, beside the limits."""

import pytest

from storage.config.config_file import BadConfigFile
from workers.config.chorus_toml import parse_toml
from workers.config.gate_file import Gate, gates_of, read_gates
from workers.config.limits_file import parse_limits

EXAMPLE = b"""
[defaults]
keep_warm = "5m"

[defaults.gate]
most_flips = 0.02

[models.bow]
max = 2

[models.bow.gate]
rows = 1_000
least_macro_f1 = 0.7
labelled = "held_out.csv"

[models.minilm]
max = 3
"""


def test_without_a_file_there_is_no_gate(place):
    assert read_gates(place).models == {}
    assert read_gates(place).for_model("anything") == Gate(most_flips=None, least_macro_f1=None)


def test_a_key_that_a_model_leaves_out_is_taken_from_the_defaults():
    gates = gates_of(parse_toml(EXAMPLE, "chorus.toml"))
    assert gates.for_model("bow") == Gate(0.02, 1_000, 0.7, "held_out.csv")
    assert gates.for_model("minilm") == gates.for_model("another") == Gate(most_flips=0.02)


def test_the_limits_beside_a_gate_are_read():
    limits = parse_limits(EXAMPLE, "chorus.toml")
    assert (
        limits.for_model("bow").max,
        limits.for_model("minilm").max,
        limits.for_model("another").keep_warm,
    ) == (
        2,
        3,
        300.0,
    )


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        (
            "[defaults.gate]\nmost_flips = 2",
            2,
            "most_flips in [defaults.gate] is 2; allowed is a number from 0 to 1",
        ),
        ("[models.bow.gate]\n\nmost_flip = 0.1", 3, "Did you mean most_flips?"),
        ("[models.bow]\ngate = 3", 2, "[models.bow.gate] is 3; it must be a table"),
        ("[defaults.gate]\nrows = 0", 2, "a whole number, 1 or more"),
        ("[defaults.gate]\nlabelled = 7", 2, "the name of a file below CHORUS_HOME"),
        ("[defaults.gate]\nleast_macro_f1 = 0.7", 1, "no labelled"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_what_is_allowed(text, line, expected):
    with pytest.raises(BadConfigFile) as raised:
        gates_of(parse_toml(text.encode(), "chorus.toml"))
    assert raised.value.line == line
    assert expected in str(raised.value)
