"""Cleaning: a text as the models read it."""

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.dataset.clean import MAY_NEED_CLEANING, clean_text

# Hypothesis seldom finds these by itself.
AWKWARD = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(" \t\n\r\x00\x0b\x1c\x7f\x85\xa0\u0301\u200b\u200d\u3000\ufeffae"),
    )
)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("plain text", "plain text"),
        ("  two  spaces  ", "two spaces"),
        ("lines\r\nand\ttabs\nand\x0bmore\x0c", "lines and tabs and more"),
        ("no-break\u00a0and ideographic\u3000space", "no-break and ideographic space"),
        ("cafe\u0301", "caf\u00e9"),
        ("e\x00\u0301", "\u00e9"),  # taking the NUL out brings letter and accent together
        (
            "bell\x07, delete\x7f, C1\x9f, mark\ufeff, zero\u200bwidth",
            "bell, delete, C1, mark, zerowidth",
        ),
        ("next\u0085line", "next line"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        (" \t\u200b\x00 ", ""),
        ("", ""),
    ],
)
def test_clean_text_is_as_expected(given_text: str, expected: str) -> None:
    assert clean_text(given_text) == expected


@given(AWKWARD)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@given(AWKWARD)
def test_clean_text_is_normal_and_has_single_spaces_only(text: str) -> None:
    result = clean_text(text)
    assert unicodedata.is_normalized("NFC", result)
    assert result.split() == ([] if not result else result.split(" "))
    assert all(unicodedata.category(character) != "Cc" for character in result)


@given(AWKWARD)
def test_a_text_that_may_not_need_cleaning_is_clean(text: str) -> None:
    may_need_cleaning = pc.match_substring_regex(pa.array([text]), MAY_NEED_CLEANING)[0].as_py()
    assert may_need_cleaning or clean_text(text) == text


def test_every_character_that_may_not_need_cleaning_is_clean_beside_any_other() -> None:
    everything = pa.array(
        [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and code != 0x20]
    )
    passed = everything.filter(
        pc.invert(pc.match_substring_regex(everything, MAY_NEED_CLEANING))
    ).to_pylist()
    assert len(passed) > 30_000
    joining = {
        decomposed[-1]
        for decomposed in map(_canonical, map(chr, range(0x110000)))
        if len(decomposed) > 1
    }
    assert not joining & {f"{ord(character):04X}" for character in passed}
    # these join a Hangul syllable
    assert not any(0x1161 <= ord(character) < 0x1200 for character in passed)
    for character in passed:
        assert unicodedata.combining(character) == 0
        assert clean_text(f"a{character}b") == f"a{character}b"


def _canonical(character: str) -> list[str]:
    """Return the code points of a composed character; none if it is not composed canonically."""
    decomposition = unicodedata.decomposition(character)
    return [] if decomposition.startswith("<") else decomposition.split()
