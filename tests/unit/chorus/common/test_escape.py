"""Escaping: no control or invisible character passes, and every other one does."""

import json
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from chorus.common.escape import escape_controls, escape_json, escape_lines

# every code point there is, those that terminals and eyes are deceived with among them more often
_TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from("\x1b\x00\n\r\t\x7f\x85\x9b\u061c\u200e\u200f\u202e\u2066\u2028\ufeff\\"),
    )
)
_JOINERS = "\u200c\u200d"  # Persian, Indian scripts and emoji need them
# visible signs, which Unicode counts with the invisible ones
_NUMBER_SIGNS = (
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)


def hidden(character):
    """Whether a character must not be printed."""
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in _JOINERS + _NUMBER_SIGNS
    )


def test_exactly_the_control_and_invisible_characters_of_unicode_are_escaped():
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.category(character) != "Cn":  # a later Unicode may assign it
            assert (escape_controls(character) != character) == hidden(character), hex(number)


@given(_TEXTS)
def test_what_is_printed_has_no_control_character(text):
    assert not any(map(hidden, escape_controls(text)))
    assert not any(map(hidden, escape_lines(text).replace("\n", "")))


@given(_TEXTS)
def test_printable_text_stays_as_it_is(text):
    printable = "".join(character for character in text if not hidden(character))
    assert escape_controls(printable) == printable
    assert escape_lines(printable) == printable


@given(_TEXTS)
def test_json_for_people_keeps_its_values(text):
    shown = escape_json(json.dumps({text: text}, indent=2, ensure_ascii=False))
    assert json.loads(shown) == {text: text}
    assert not any(map(hidden, shown.replace("\n", "")))


def test_characters_are_shown_as_their_escapes():
    assert escape_controls("a\x1b[2J\u202eb\n\t\x9b\udcff") == r"a\x1b[2J\u202eb\n\t\x9b\udcff"
    assert escape_lines("a\x1b\nb\r\n") == "a\\x1b\nb\\r\n"


def test_emoji_and_persian_keep_their_joiners():
    for text in ("👩\u200d👩\u200d👧 ❤\ufe0f", "\u0645\u06cc\u200c\u062e", "क्\u200dष"):
        assert escape_controls(text) == text
