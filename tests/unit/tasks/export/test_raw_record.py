"""The caller's columns of a rejected row: all of them as uploaded, or none."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records.feedback import RAW_CHARS, UploadSource
from tasks.export.raw_record import restore_columns

fields = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=8)


def source(columns=(), delimiter=""):
    return UploadSource(
        name="x",
        format="csv",
        encoding="utf-8",
        text_column="text",
        id_column=None,
        sha256="",
        columns=tuple(columns),
        delimiter=delimiter,
    )


@given(st.lists(fields, min_size=2, max_size=5), st.sampled_from(",;\t|"))
def test_a_record_of_csv_is_split_as_it_was_written(values, delimiter):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerow(values)
    columns = [f"c{number}" for number in range(len(values))]
    restored = restore_columns(file.getvalue().removesuffix("\r\n"), source(columns, delimiter))
    assert restored == dict(zip(columns, values, strict=True))


@given(st.dictionaries(fields, st.none() | fields))
def test_a_json_object_gives_its_values(record):
    assert restore_columns(json.dumps(record), source()) == record


def test_values_that_are_no_strings_are_json():
    assert restore_columns('{"a": 1.50, "b": [1], "c": true}', source()) == {
        "a": "1.5",
        "b": "[1]",
        "c": "true",
    }
    assert restore_columns('["x", 2]', source(["a", "b"])) == {"a": "x", "b": "2"}


@pytest.mark.parametrize(
    "raw",
    ["1,2,3", "1", '1,"open', "1,x\n2,y", None, "1," + "x" * RAW_CHARS],
    ids=["more fields", "fewer fields", "open quote", "two records", "not kept", "cut"],
)
def test_a_record_that_does_not_fit_the_header_gives_no_column(raw):
    assert restore_columns(raw, source(["a", "text"], ",")) is None


@pytest.mark.parametrize("raw", ["not json", "7", '["one value too few"]', "[" * 100_000])
def test_what_is_no_record_gives_no_column(raw):
    assert restore_columns(raw, source(["a", "text"])) is None


def test_half_of_a_surrogate_pair_in_json_becomes_the_replacement_character():
    raw = '{"text": "broken \\ud83d emoji", "list": ["\\ud83d"]}'
    assert restore_columns(raw, source(["text", "list"], "")) == {
        "text": "broken \ufffd emoji",
        "list": '["\ufffd"]',
    }
