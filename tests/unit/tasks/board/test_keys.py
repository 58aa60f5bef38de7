"""Redis keys: one module builds them, each is of one kind, and the documentation lists them all."""

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.board.keys import BOARD_KEYS, JOB, KOMBU_KEYS, markdown_table
from tests.support.repository import REPOSITORY

PACKAGES = ("chorus", "ensemble", "intake", "models", "storage", "tasks", "workers")
FIELDS = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="._-/|"))


def fields_of(key):
    return len(re.findall("<[a-z ]+>", key.pattern))


@st.composite
def built_keys(draw):
    key = draw(st.sampled_from(BOARD_KEYS))
    fields = [draw(FIELDS.filter(bool)) for _ in range(fields_of(key))]
    return key, tuple(fields), key.build(*fields)


@given(built_keys())
def test_a_key_matches_its_own_pattern(built):
    key, _, name = built
    assert key.matches(name)


@given(built_keys(), built_keys())
def test_other_kinds_or_other_fields_give_another_key(one, other):
    if one[:2] != other[:2]:
        # A job, model or customer has no name that is a fixed word of a pattern.
        reserved = {"short", "parts", "first", "remembering", "whole"}
        if not reserved & {*one[1], *other[1]}:
            assert one[2] != other[2]


def test_a_wrong_number_of_fields_is_refused():
    with pytest.raises(ValueError, match="takes 1 fields"):
        JOB.build()


def test_patterns_are_unique():
    patterns = [key.pattern for key in (*BOARD_KEYS, *KOMBU_KEYS)]
    assert len(set(patterns)) == len(patterns)


def strings_of(tree):
    """Every string of a module but its docstrings; an f-string with {} for its values."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and not {id(node)} & (docstrings | parts):
            yield str(node.value)


def looks_like_a_key(text):
    """Whether a string begins as a key with fields does: with `job:`, `lease:`, `want:` …"""
    heads = {key.pattern.partition(":")[0] for key in BOARD_KEYS if ":" in key.pattern}
    return re.match(rf"({'|'.join(sorted(heads))}):(\S|$)", text) is not None


def test_no_other_module_builds_a_key():
    found = {
        (str(path.relative_to(REPOSITORY)), text)
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
        if path != REPOSITORY / "tasks/board/keys.py"
        for text in strings_of(ast.parse(path.read_text()))
        if looks_like_a_key(text)
    }
    assert found == set()


@pytest.mark.parametrize("code", ['x = f"job:{job}:parts"', 'x = "lease:" + step', "y = 'want:a'"])
def test_a_module_that_builds_a_key_is_noticed(code):
    assert any(map(looks_like_a_key, strings_of(ast.parse(code))))


def test_a_key_in_a_docstring_is_no_key():
    assert not any(map(looks_like_a_key, strings_of(ast.parse('"""job:<job> is a hash."""'))))


def test_the_page_of_the_documentation_is_made_from_the_table():
    page = (REPOSITORY / "docs/redis-keys.md").read_text()
    assert page.endswith(f"\n\n{markdown_table()}")
