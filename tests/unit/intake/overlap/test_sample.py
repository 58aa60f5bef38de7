"""The sample that a sketch keeps: bounded, and the same texts in every sample of one rate."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.overlap.sample import TextSample, distinct_texts
from intake.overlap.text_hash import text_hashes
from storage.records import sketch
from storage.records.sketch import BadSketch, Sketch

CHUNKS = st.lists(
    st.lists(st.sampled_from([f"text {number}" for number in range(200)]), max_size=60), max_size=12
)


def sample_of(chunks, max_hashes=50):
    sample = TextSample(max_hashes, max_hashes)
    for texts in chunks:
        sample.add(distinct_texts(pa.array(texts, pa.string())))
    return sample


def pairs(of: Sketch):
    return list(zip(of.hashes.tolist(), of.chunks.tolist(), strict=True))


@settings(max_examples=40)
@given(CHUNKS)
def test_a_sketch_is_bounded_and_holds_every_text_whose_low_bits_are_zero(chunks):
    sampled = sample_of(chunks).sketch()
    hashes = [set(text_hashes(pa.array(texts, pa.string())).tolist()) for texts in chunks]
    expected = {
        (text_hash, position)
        for position, chunk_hashes in enumerate(hashes)
        for text_hash in chunk_hashes
        if text_hash % 2**sampled.bits == 0
    }
    assert pairs(sampled) == sorted(expected)
    assert len(expected) <= 50
    assert sampled.bits == 0 or sum(map(len, hashes)) > 50, "all are kept while there is room"


@settings(max_examples=40)
@given(CHUNKS, st.randoms())
def test_the_texts_of_a_sketch_do_not_depend_on_the_order_of_the_chunks(chunks, random):
    shuffled = random.sample(chunks, len(chunks))
    first, second = sample_of(chunks).sketch(), sample_of(shuffled).sketch()
    assert first.bits == second.bits
    assert first.hashes.tolist() == second.hashes.tolist()


@settings(max_examples=40)
@given(CHUNKS, CHUNKS)
def test_two_samples_at_the_coarser_rate_share_every_shared_hash(left, right):
    first, second = sample_of(left), sample_of(right, max_hashes=20)
    bits = max(first.bits, second.bits)
    both = {text for texts in left for text in texts} & {text for texts in right for text in texts}
    shared = set(text_hashes(pa.array(sorted(both), pa.string())).tolist())
    sampled = [
        set().union(*(chunk.thin(bits).hashes.tolist() for chunk in sample.chunks), set())
        for sample in (first, second)
    ]
    assert sampled[0] & sampled[1] == {hash_ for hash_ in shared if hash_ % 2**bits == 0}


def test_rows_with_one_text_are_counted_together():
    texts = distinct_texts(pa.array(["a", "b", "a", "a"]))
    assert sorted(texts.rows.tolist()) == [1, 3]


def test_a_sketch_is_bounded_even_if_one_text_is_in_every_chunk():
    assert len(sample_of([["ok", f"text {number}"] for number in range(300)]).sketch().hashes) <= 50


@settings(max_examples=40)
@given(CHUNKS)
def test_a_sketch_is_read_as_it_was_written(chunks):
    written = sample_of(chunks).sketch()
    read = sketch.decode(sketch.encode(written), "x")
    assert (read.bits, pairs(read)) == (written.bits, pairs(written))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not Arrow",
        sketch.encode(Sketch(0, np.zeros(9, np.uint64), np.zeros(9, np.uint32)))[:200],
    ],
)
def test_a_file_that_is_no_sketch_is_refused(data):
    with pytest.raises(BadSketch, match="x is not a complete sketch"):
        sketch.decode(data, "x")
