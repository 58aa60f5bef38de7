"""The sample that a sketch keeps: bounded, and the same texts in every sample of a rate."""

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


def sample_of(chunks, most=50):
    sample = TextSample(most, most)
    for texts in chunks:
        sample.add(distinct_texts(pa.array(texts, pa.string())))
    return sample


def pairs(found: Sketch):
    return list(zip(found.hashes.tolist(), found.chunks.tolist(), strict=True))


@settings(max_examples=40)
@given(CHUNKS)
def test_a_sketch_is_bounded_and_holds_every_text_whose_low_bits_are_zero(chunks):
    found = sample_of(chunks).sketch()
    hashes = [set(text_hashes(pa.array(texts, pa.string())).tolist()) for texts in chunks]
    kept = {
        (one, position)
        for position, some in enumerate(hashes)
        for one in some
        if one % 2**found.bits == 0
    }
    assert pairs(found) == sorted(kept)
    assert len(kept) <= 50
    assert found.bits == 0 or sum(map(len, hashes)) > 50, "all are kept while there is room"


@settings(max_examples=40)
@given(CHUNKS, st.randoms())
def test_the_texts_of_a_sketch_do_not_depend_on_the_order_of_the_chunks(chunks, random):
    other = random.sample(chunks, len(chunks))
    one, two = sample_of(chunks).sketch(), sample_of(other).sketch()
    assert one.bits == two.bits
    assert one.hashes.tolist() == two.hashes.tolist()


@settings(max_examples=40)
@given(CHUNKS, CHUNKS)
def test_of_two_samples_the_coarser_rate_holds_for_both(left, right):
    one, two = sample_of(left), sample_of(right, most=20)
    bits = max(one.bits, two.bits)
    both = {text for texts in left for text in texts} & {text for texts in right for text in texts}
    shared = set(text_hashes(pa.array(sorted(both), pa.string())).tolist())
    kept = [
        set().union(*(chunk.thin(bits).hashes.tolist() for chunk in some.chunks), set())
        for some in (one, two)
    ]
    assert kept[0] & kept[1] == {one for one in shared if one % 2**bits == 0}


def test_rows_with_one_text_are_counted_together():
    found = distinct_texts(pa.array(["a", "b", "a", "a"]))
    assert sorted(found.rows.tolist()) == [1, 3]


def test_one_text_in_every_chunk_does_not_keep_a_sketch_from_its_bound():
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
def test_what_is_no_sketch_is_refused(data):
    with pytest.raises(BadSketch, match="x is not a whole sketch"):
        sketch.decode(data, "x")
