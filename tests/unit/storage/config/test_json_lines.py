"""The lines of keys and elements in JSON files."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.config.json_lines import RepeatedKey, lines_of

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def paths_of(value, path=()):
    """Yield the path of a value and of all that it holds."""
    yield path
    items = enumerate(value) if isinstance(value, list) else ()
    for step, inner in value.items() if isinstance(value, dict) else items:
        yield from paths_of(inner, (*path, step))


@given(values, st.sampled_from([None, 0, 2]))
def test_every_key_and_element_has_a_line(value, indent):
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    lines = lines_of(text)
    assert set(lines) == set(paths_of(value))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@given(st.lists(st.text(max_size=5), unique=True, min_size=1), st.data())
def test_a_key_is_on_the_line_where_it_is_written(keys, data):
    text = json.dumps({key: [1, {"a": "}\\n"}] for key in keys}, indent=1)
    key = data.draw(st.sampled_from(keys))
    written = [line.startswith(f" {json.dumps(key)}:") for line in text.split("\n")]
    assert lines_of(text)[key,] == written.index(True) + 1


def test_a_repeated_key_is_refused_with_the_line_of_the_second():
    with pytest.raises(RepeatedKey, match="'a' is repeated") as caught:
        lines_of('{"a": 1,\n "b": {"a": 2},\n "a": 3}')
    assert caught.value.line == 3
