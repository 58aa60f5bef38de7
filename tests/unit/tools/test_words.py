"""The listing of public names, and the rules that they must satisfy."""

import pytest

from tools import words
from tools.naming.first_words import begins_noun_phrase, is_imperative
from tools.naming.rules import SAME_PART

GOOD = '''"""Boxes and their content. More."""


class Box:
    """A box."""

    def open(self) -> None:
        """Open the box.

        It can be closed again.
        """

    @property
    def weight(self) -> int:
        """Weight in grams."""

    def _inner(self): ...


def pack(things) -> Box:
    """Pack things."""


def _hidden(): ...
'''


@pytest.fixture
def check(write, capsys):
    """Write a repository and check it: the exit status and the findings."""

    def check(files):
        status = words.main(["--check"], write(files))
        return status, capsys.readouterr().out.splitlines()[:-1]

    return check


def test_the_listing_shows_public_names_and_counts_first_words(write, capsys):
    assert words.main([], write({"shop/box.py": GOOD})) == 0
    assert capsys.readouterr().out.splitlines() == [
        "shop/box.py  Boxes and their content",
        "    Box: A box.",
        "    Box.open: Open the box.",
        "    Box.weight: Weight in grams.",
        "    pack: Pack things.",
        "",
        "First words of docstrings, and how often each occurs:",
        "A 1, Open 1, Pack 1, Weight 1",
    ]


def test_long_lines_of_the_listing_are_cut(write, capsys):
    words.main([], write({"shop/box.py": f'def pack():\n    """Pack {"x" * 200}"""\n'}))
    line = capsys.readouterr().out.splitlines()[1]
    assert (len(line), line[-1]) == (words.WIDTH, "…")


def test_good_names_pass(check):
    assert check({"shop/box.py": GOOD}) == (0, [])


@pytest.mark.parametrize("name", ["Box", "_Box"])
def test_a_class_name_in_two_modules_fails(check, name):
    source = f'class {name}:\n    """A box."""\n'
    status, findings = check({"shop/one.py": source, "store/two.py": source})
    assert status == 1
    assert findings == [
        f"class {name} is defined in shop/one.py, store/two.py: give each a name of its own"
    ]


def test_a_class_name_twice_in_a_module_fails(check):
    source = 'class Box:\n    """A box."""\n\n\nclass Box:\n    """Another box."""\n'
    assert check({"shop/one.py": source}) == (
        1,
        ["class Box is defined in shop/one.py, shop/one.py: give each a name of its own"],
    )


def test_a_class_name_of_the_product_in_a_test_fails(check):
    source = 'class Box:\n    """A box."""\n'
    assert check({"shop/one.py": source, "tests/test_one.py": source})[0] == 1


def test_a_module_name_that_recurs_fails_unless_it_plays_the_same_part(check, monkeypatch):
    files = {"shop/box.py": "", "store/files/box.py": "", "shop/__init__.py": ""}
    status, [finding] = check(files | {"store/__init__.py": ""})
    assert status == 1
    assert finding.startswith("module name box recurs in shop, store/files:")
    monkeypatch.setitem(SAME_PART, "box", {"shop", "store/files"})
    assert check(files) == (0, [])
    assert check({"till/box.py": ""})[0] == 1


def test_missing_docstrings_fail(check):
    source = "class Box:\n    def open(self): ...\n\n\ndef pack(): ...\n"
    status, findings = check({"shop/box.py": source})
    assert status == 1
    assert findings == [
        "shop/box.py:1: Box has no docstring",
        "shop/box.py:2: Box.open has no docstring",
        "shop/box.py:5: pack has no docstring",
    ]


@pytest.mark.parametrize("bases", ["(Box)", ""])
def test_a_method_inherits_the_docstring_of_its_base_class_or_protocol(check, bases):
    base = (
        "from typing import Protocol\n\n\nclass Box(Protocol):\n"
        '    """A box."""\n\n    def open(self):\n        """Open the box."""\n'
    )
    crate = f'class Crate{bases}:\n    """A crate."""\n\n    def open(self): ...\n'
    assert check({"shop/box.py": base, "store/crate.py": crate}) == (0, [])


def test_a_class_without_some_methods_of_a_protocol_inherits_none(check):
    base = (
        "from typing import Protocol\n\n\nclass Box(Protocol):\n"
        '    """A box."""\n\n    def open(self):\n        """Open the box."""\n\n'
        '    def shut(self):\n        """Shut the box."""\n'
    )
    crate = 'class Crate:\n    """A crate."""\n\n    def open(self): ...\n'
    assert check({"shop/box.py": base, "store/crate.py": crate})[1] == [
        "store/crate.py:4: Crate.open has no docstring"
    ]


def test_a_function_must_begin_with_a_verb_and_a_class_with_a_noun(check):
    source = GOOD.replace("Pack things", "Packs things").replace("A box", "What holds")
    status, findings = check({"shop/box.py": source.replace("Weight in", "How heavy in")})
    assert status == 1
    assert findings == [
        'shop/box.py:4: Box begins with "What" instead of a noun',
        'shop/box.py:14: Box.weight begins with "How" instead of a noun',
        'shop/box.py:20: pack begins with "Packs" instead of an imperative verb',
    ]


@pytest.mark.parametrize("word", ["Return", "Re-queue", "Bring", "Feed", "Pass", "Focus", "Tell"])
def test_imperative_verbs_are_accepted(word):
    assert is_imperative(word)


@pytest.mark.parametrize(
    "word",
    [
        "The",
        "It",
        "What",
        "Of",
        "Whether",
        "Reading",
        "Stored",
        "Told",
        "Returns",
        "Rows",
        "[rows]",
    ],
)
def test_other_words_are_no_imperative_verbs(word):
    assert not is_imperative(word)


def test_a_noun_phrase_begins_with_no_question_word_pronoun_or_preposition():
    assert all(begins_noun_phrase(word) for word in ("A", "The", "Weight", "Frozen"))
    assert not any(begins_noun_phrase(word) for word in ("What", "Those", "Of"))
