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
def test_other_kinds_and_other_fields_give_other_keys(one, other):
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
    """Yield every string of a module but its docstrings; an f-string with {} for its values."""
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
    """Return whether a string begins as a key with fields does: with `job:`, `lease:` …"""
    heads = {key.pattern.partition(":")[0] for key in BOARD_KEYS if ":" in key.pattern}
    return re.match(rf"({'|'.join(sorted(heads))}):(\S|$)", text) is not None


def key_parts_in(script):
    """Return the pieces of keys that a Lua script has in quotes, as in `'job:' .. job`."""
    if "redis.call(" not in script:
        return set()
    pieces = {
        piece for key in BOARD_KEYS for piece in re.split("<[a-z ]+>", key.pattern) if ":" in piece
    }
    return pieces & set(re.findall(r"'([^'\n]*)'", script))


def literal_keys(tree):
    """Yield the strings, concatenated or not, that Redis or `Board.key` get as a key."""
    without_key = {"info", "eval", "register_script", "send"}  # of Redis, or of a process
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            method, client = node.func.attr, ast.unparse(node.func.value)
            to_redis = re.search(r"(^|\.)(redis|pipe)$", client) and method not in without_key
            literal = isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
            if literal and (to_redis or method == "key"):
                yield ast.unparse(node.args[0])


def keys_built_in(code):
    """Return the keys that a module builds, or seems to build."""
    tree = ast.parse(code)
    texts = list(strings_of(tree))
    pieces = [piece for text in texts for piece in key_parts_in(text)]
    return [*filter(looks_like_a_key, texts), *pieces, *literal_keys(tree)]


def test_no_other_module_builds_a_key():
    built = {
        (str(path.relative_to(REPOSITORY)), text)
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
        if path != REPOSITORY / "tasks/board/keys.py"
        for text in keys_built_in(path.read_text())
    }
    assert built == set()


@pytest.mark.parametrize(
    "code",
    [
        'x = f"job:{job}:parts"',
        'x = "lease:" + step',
        "y = 'want:a'",
        'redis.get("epoch")',
        'self._board.redis.llen(f"{prefix}control")',
        'pipe.llen(prefix + "control")',
        'board.key("job", job)',
        """SCRIPT = "redis.call('GET', ARGV[1] .. 'job:' .. ARGV[2])" """,
        """SCRIPT = "redis.call('GET', KEYS[1] .. ':' .. ARGV[2])" """,
    ],
)
def test_a_module_that_builds_a_key_is_detected(code):
    assert keys_built_in(code)


@pytest.mark.parametrize(
    "code",
    ['"""job:<job> is a hash."""', "redis.get(board.key(keys.EPOCH))", 'redis.info("server")'],
)
def test_docstrings_and_keys_from_the_table_are_not_detected(code):
    assert not keys_built_in(code)


def test_the_documentation_has_the_whole_table():
    page = (REPOSITORY / "docs/redis-keys.md").read_text()
    assert page.endswith(f"\n\n{markdown_table()}")
