"""Reading the text of TOML and JSON files, whatever is in them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.config.config_file import BadConfigFile, ConfigFile
from storage.config.parse import parse_json, parse_toml, read_toml
from storage.config.toml_lines import line_of
from storage.errors import BadRequest


@pytest.mark.parametrize(
    ("parse", "data", "line", "expected"),
    [
        (parse_toml, b"a = 1\n\xff", 2, "not UTF-8. Save the file as UTF-8"),
        (parse_toml, "a = 1".encode("utf-16"), 1, "not UTF-8"),
        (parse_toml, b"a = 1\na = 2", 2, "not TOML: Cannot overwrite a value"),
        (parse_toml, b"a = 1\n\nb = " + b"9" * 5000, 3, "not TOML: Exceeds the limit"),
        (parse_toml, b"a = " + b"[" * 5000, 1, "nested too deeply"),
        (parse_json, b"{\n\xff", 2, "not UTF-8"),
        (parse_json, b"", 1, "not JSON: Expecting value .at column 1"),
        (parse_json, b'{"a": 1,\n "b" 2}', 2, "not JSON: Expecting ':' delimiter .at column 6"),
        (parse_json, b'{"a": 1,\n "a": 2}', 2, "the key 'a' is repeated"),
        (parse_json, b'{"a":\n' + b"9" * 5000 + b"}", 2, "not JSON: Exceeds the limit"),
        (parse_json, b"[" * 100_000, 1, "nested too deeply"),
        (parse_json, b"[1, 2]", 1, r"this is \[1, 2\]; it must be an object"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_refused_with_its_line(parse, data, line, expected):
    with pytest.raises(BadConfigFile) as caught:
        parse(data, "home/file")
    assert isinstance(caught.value, BadRequest)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"home/file, line {line}: ")
    assert re.search(expected, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(("parse", "text"), [(parse_toml, "a = 1"), (parse_json, '{"a": 1}')])
def test_the_mark_that_windows_editors_write_first_is_no_mistake(parse, text):
    assert parse(text.encode("utf-8-sig"), "f").tables == {"a": 1}


def test_a_missing_file_is_an_empty_one(place):
    file = read_toml(place, "chorus.toml")
    assert (file.tables, file.file) == ({}, place.url_of("chorus.toml"))


def parsed(parse, data):
    """Return what a parser returns, or the BadConfigFile that it raises."""
    try:
        return parse(data, "f")
    except BadConfigFile as error:
        return error


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_tables_or_an_error_with_a_line(data):
    for parse in (parse_toml, parse_json):
        result = parsed(parse, data)
        if not isinstance(result, ConfigFile):
            assert 1 <= result.line <= data.count(b"\n") + 1


def test_an_element_of_a_long_array_is_found_on_its_own_line():
    text = 'a = [\n  {b = 1},  # a ] and a "\n  [\n    2,\n    3,\n  ],\n]\nc = 1\n'
    lines = {path: line_of(text, path) for path in [("a", 0), ("a", 1), ("a", 1, 1), ("c",)]}
    assert lines == {("a", 0): 2, ("a", 1): 3, ("a", 1, 1): 5, ("c",): 8}
