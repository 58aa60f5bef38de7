"""The limits in chorus.toml: allowed values, and the error for every mistake."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.config.config_file import BadConfigFile
from storage.config.toml_lines import line_of
from storage.errors import BadRequest
from workers.autoscaling.limits import Limits
from workers.config.limits_file import parse_limits, read_limits
from workers.config.quantities import parse_duration, parse_size

EXAMPLE = """
[defaults]
max = 8
keep_warm = "90s"

[models.sentiment-minilm]
min = 1
drain = "2m"
threads = 2
memory = "600 MB"
device = "cuda:1"
gpu = 0.5

[models."topics.v2"]
max = 2
"""


def error_of(text):
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(BadConfigFile) as caught:
        parse_limits(data, "home/chorus.toml")
    assert isinstance(caught.value, BadRequest)
    assert str(caught.value).startswith(f"home/chorus.toml, line {caught.value.line}: ")
    return caught.value


def test_without_a_file_every_model_has_the_defaults(place):
    assert read_limits(place).models == {}
    assert read_limits(place).for_model("anything") == Limits()


def test_a_key_that_a_model_leaves_out_is_taken_from_the_defaults(place):
    place.create("chorus.toml", EXAMPLE.encode())
    limits = read_limits(place)
    assert list(limits.models) == ["sentiment-minilm", "topics.v2"]
    assert limits.for_model("elsewhere") == Limits(max=8, keep_warm=90)
    assert limits.for_model("topics.v2") == Limits(max=2, keep_warm=90)
    assert limits.for_model("sentiment-minilm") == Limits(
        1, 8, 90, 120, 2, 600_000_000, "cuda:1", 0.5
    )


@pytest.mark.parametrize(
    ("text", "line", "key", "expected"),
    [
        (
            "\n[default]\nmax = 3",
            2,
            "default",
            r"'default'.*Did you mean defaults\? There are: defaults, models",
        ),
        (
            "[defaults]\n\nkeep_wram = 3",
            3,
            "defaults.keep_wram",
            "Did you mean keep_warm.*There are: min, max, keep",
        ),
        (
            "[models.a]\nmin = -1",
            2,
            "models.a.min",
            r"min in \[models.a\] is -1; allowed is a whole number, 0 or more",
        ),
        ("[models.a]\nmin = true", 2, "models.a.min", "is true; allowed is a whole number"),
        ("[models.a]\nmin = 1.0", 2, "models.a.min", "is 1.0; allowed is a whole number"),
        ("[models.a]\nmax = 0", 2, "models.a.max", "a whole number, 1 or more"),
        ("[models.a]\nthreads = 0", 2, "models.a.threads", "a whole number, 1 or more"),
        (
            "[models.a]\nkeep_warm = '2 weeks'",
            2,
            "models.a.keep_warm",
            '"2 weeks"; allowed is seconds .* "2m"',
        ),
        ("[models.a]\nkeep_warm = inf", 2, "models.a.keep_warm", "allowed is seconds"),
        ("[models.a]\ndrain = 0", 2, "models.a.drain", "a duration above 0"),
        (
            "[models.a]\nmemory = '2 gigs'",
            2,
            "models.a.memory",
            '"2 gigs"; allowed is bytes .* "600 MB"',
        ),
        ("[models.a]\nmemory = 0.5", 2, "models.a.memory", "allowed is bytes"),
        (
            "[models.a]\ndevice = 'gpu'",
            2,
            "models.a.device",
            '"gpu"; allowed is "auto", "cpu", "cuda"',
        ),
        ("[models.a]\ndevice = ['cpu']", 2, "models.a.device", r'\["cpu"\]; allowed is "auto"'),
        ("[models.a]\ngpu = 1.5", 2, "models.a.gpu", "above 0, and 1 at most"),
        ("[models.a]\ngpu = nan", 2, "models.a.gpu", "above 0, and 1 at most"),
        ("[models.a]\nmin = 3\nmax = 2", 3, "models.a.max", "min is 3 and max is 2"),
        ("[defaults]\nmax = 2\n[models.a]\n\nmin = 3", 5, "models.a.min", "min is 3 and max is 2"),
        ("[defaults]\nmax = 2\nmin = 3", 2, "defaults.max", "min is 3 and max is 2"),
        ("defaults = 3", 1, "defaults", r"\[defaults\] is 3; it must be a table"),
        ("[[models]]\nmin = 1", 1, "models", "must be a table"),
        ("[models]\na = 3", 2, "models.a", r"\[models.a\] is 3; it must be a table"),
        ("[models.A]\nmin = 1", 1, "models.A", "model name 'A' is not allowed"),
        ("[models.a.v2]\nmin = 1", 1, "models.a.v2", r'with a dot is quoted: \[models\."a\.v2"\]'),
        ("[defaults]\nmin = ", 2, "", "not TOML: Invalid value"),
        ("[defaults]\nmin = \nmax = 1", 2, "", "not TOML: Invalid value .at line 2, column 7"),
        ("[defaults]\nmin = 1\nmin = 2", 3, "", "not TOML: Cannot overwrite a value"),
        ('[defaults]\ndevice = """cpu\n', 2, "", "not TOML"),
        (b"[defaults]\n# \xff", 2, "", "not UTF-8"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_what_is_allowed(text, line, key, expected):
    error = error_of(text)
    assert (error.line, error.key) == (line, key)
    assert re.search(expected, str(error), re.DOTALL), str(error)


@pytest.mark.parametrize(
    "text",
    [
        'models."a.b".min = 0\nmodels.c.min = -1\n',
        "[models]\na = {min = 0}\n\n\nc = {\tmin = -1}\n",
        '[models."c"]  # a comment with ] and "\nmax = 3\n"min" = -1 # min = 3\n',
        "[models.b]\r\nmin = 0\r\n[ models . 'c' ]\r\n\r\nmin=-1\r\n",
        '[models.b]\ndevice = """\\\n  cpu\\\n  """\n\n[models.c]\nmin = -1',
    ],
)
def test_the_line_is_found_however_the_key_is_written(text):
    assert error_of(text).line == next(
        at for at, line in enumerate(text.split("\n"), 1) if "-1" in line
    )


def test_a_value_of_several_lines_is_named_by_its_first():
    assert error_of("[models.a]\nmax = 3\nmemory = [\n1,\n2,\n]\n[models.b]\nmin = 1\n").line == 3


names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8)


@given(
    st.lists(st.tuples(names, names, st.integers(0, 2)), unique_by=lambda one: one[:2], min_size=1),
    st.data(),
)
def test_any_key_of_any_table_is_found_on_its_line(entries, data):
    entries.sort(key=lambda one: one[0])
    lines, at, last = [], {}, None
    for table, key, gap in entries:
        if table != last:
            lines.append(f"[t.{json.dumps(table, ensure_ascii=False)}]")
            last = table
        lines += ["# min = 1"] * gap
        lines.append(f"{json.dumps(key, ensure_ascii=False)} = 1")
        at[table, key] = len(lines)
    table, key = data.draw(st.sampled_from(sorted(at)))
    assert line_of("\n".join(lines), ("t", table, key)) == at[table, key]


@given(
    st.integers(0, 10_000),
    st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]),
    st.sampled_from(["", " "]),
)
def test_a_duration_is_its_number_times_its_unit(number, unit, space):
    assert (
        parse_duration(f"{number}{space}{unit[0]}")
        == parse_duration(number * unit[1])
        == number * unit[1]
    )


@given(
    st.integers(1, 10_000),
    st.sampled_from([("B", 1), ("MB", 10**6), ("GB", 10**9), ("MiB", 2**20)]),
)
def test_a_size_is_its_number_times_its_unit(number, unit):
    assert (
        parse_size(f"{number} {unit[0]}")
        == parse_size(f"{number}{unit[0]}")
        == parse_size(number * unit[1])
        == number * unit[1]
    )


def test_quantities_may_have_a_fraction():
    assert (parse_duration("1.5m"), parse_duration(0.5), parse_size("0.5 GB")) == (
        90,
        0.5,
        500_000_000,
    )


def outcome(read, *arguments):
    """Return the result of a function, or the ValueError or BadConfigFile that it raises."""
    try:
        return read(*arguments)
    except (ValueError, BadConfigFile) as error:
        return error


@given(
    st.one_of(
        st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.integers())
    )
)
def test_any_value_of_a_quantity_is_read_or_refused(value):
    for read in (parse_duration, parse_size):
        result = outcome(read, value)
        assert "such as" in str(result) if isinstance(result, ValueError) else result >= 0


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_limits_or_an_error_with_a_line(data):
    result = outcome(parse_limits, data, "f")
    assert (
        1 <= result.line <= data.count(b"\n") + 1
        if isinstance(result, BadConfigFile)
        else result.defaults
    )
