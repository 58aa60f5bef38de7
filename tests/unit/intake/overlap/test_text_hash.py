"""The hash of a text depends on the text alone."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from intake.overlap.text_hash import text_hashes

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=30)


@given(TEXTS, st.integers(0, 10), st.integers(0, 30))
def test_a_hash_depends_on_the_text_alone_and_not_on_its_neighbours_or_position(texts, first, rows):
    array = pa.array(texts, pa.string())
    alone = [int(text_hashes(pa.array([text]))[0]) for text in texts]
    assert text_hashes(array).tolist() == alone
    assert text_hashes(array.slice(first, rows)).tolist() == alone[first : first + rows]


@given(TEXTS)
def test_different_texts_have_different_hashes(texts):
    different = sorted(set(texts))
    assert len(set(text_hashes(pa.array(different, pa.string())).tolist())) == len(different)


def test_a_hash_is_the_same_in_every_process_and_version():
    hashes = text_hashes(pa.array(["", "a", "Parcel was late.", "naïve — 😀"]))
    assert [f"{hash_:016x}" for hash_ in hashes] == [
        "0000000000000000",
        "7bcde60284cd5301",
        "9f6875bbeeb2ac95",
        "13f7057e126a9a46",
    ]


def test_texts_longer_than_one_block_are_hashed_whole():
    long = "x" * 200_000
    texts = ["before", long + "a", long + "b", "after", long]
    hashes = text_hashes(pa.array(texts)).tolist()
    assert hashes == [int(text_hashes(pa.array([text]))[0]) for text in texts]
    assert len(set(hashes)) == len(texts)


def test_every_low_bit_that_must_be_zero_halves_the_sample():
    hashes = text_hashes(pa.array([f"row {number} of a table" for number in range(64_000)]))
    for bits in range(1, 5):
        assert abs((hashes & (2**bits - 1) == 0).mean() * 2**bits - 1) < 0.05
