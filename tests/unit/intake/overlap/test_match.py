"""Chunks of earlier datasets that hold the texts of an upload, found by their sketches."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from intake.overlap.match import MAX_SOURCE_CHUNKS, find_source_chunks
from intake.overlap.sample import TextSample, distinct_texts

WORDS = [f"text {number}" for number in range(40)]
CHUNK = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12)
DATASET = st.lists(CHUNK, min_size=1, max_size=5)


def sample_of(chunks, max_hashes=1 << 20):
    sample = TextSample(max_hashes, max_hashes)
    for texts in chunks:
        sample.add(distinct_texts(pa.array(texts, pa.string())))
    return sample


def numbered(first, end):
    return [f"text {number}" for number in range(first, end)]


def sources_of(match):
    return [(source.dataset, source.position, source.shared) for source in match.source_chunks]


@given(DATASET, st.lists(DATASET, max_size=4))
def test_new_rows_are_exactly_the_rows_that_no_source_chunk_holds(chunks, earlier):
    matches = find_source_chunks(
        sample_of(chunks),
        [(str(number), sample_of(dataset).sketch()) for number, dataset in enumerate(earlier)],
    )
    for texts, match in zip(chunks, matches, strict=True):
        texts_of_sources = {
            text
            for source in match.source_chunks
            for text in earlier[int(source.dataset)][source.position]
        }
        assert match.new_rows == sum(text not in texts_of_sources for text in texts)
        assert match.new_rows == sum(
            all(text not in chunk for dataset in earlier for chunk in dataset) for text in texts
        )
        assert len(set(sources_of(match))) == len(match.source_chunks)


@given(DATASET, DATASET)
def test_shared_rows_of_one_earlier_dataset_and_new_rows_add_up_to_the_chunk(chunks, earlier):
    matches = find_source_chunks(sample_of(chunks), [("earlier", sample_of(earlier).sketch())])
    for texts, match in zip(chunks, matches, strict=True):
        shared = sum(source.shared for source in match.source_chunks)
        assert shared + match.new_rows == len(texts)


def test_a_repeated_upload_matches_the_chunks_over_which_its_rows_were_spread():
    earlier = sample_of([numbered(0, 100), numbered(100, 200)]).sketch()
    [first, second] = find_source_chunks(
        sample_of([[*numbered(10, 90), "new"], numbered(90, 190)]), [("earlier", earlier)]
    )
    assert (sources_of(first), first.new_rows) == ([("earlier", 0, 80)], 1)
    assert (sources_of(second), second.new_rows) == ([("earlier", 1, 90), ("earlier", 0, 10)], 0)


def test_a_text_is_searched_for_until_the_two_newest_datasets_that_have_it():
    """The scores of the newest may be missing."""
    earlier = [
        (name, sample_of([numbered(0, 50)]).sketch()) for name in ("today", "yesterday", "before")
    ]
    sketches_read = []
    [match] = find_source_chunks(
        sample_of([numbered(0, 50)]),
        (sketches_read.append(name) or (name, sketch) for name, sketch in earlier),
    )
    assert sources_of(match) == [("today", 0, 50), ("yesterday", 0, 50)]
    assert sketches_read == ["today", "yesterday"], "and no further sketch is read"


def test_a_chunk_that_shares_next_to_nothing_is_no_source():
    earlier = sample_of([["ok", *(f"other {number}" for number in range(1000))]]).sketch()
    [match] = find_source_chunks(sample_of([["ok", *numbered(0, 999)]]), [("earlier", earlier)])
    assert (match.source_chunks, match.new_rows) == ((), 1000)


def test_a_chunk_that_shares_only_the_last_row_is_a_source_because_then_no_model_is_needed():
    earlier = sample_of([numbered(0, 999), ["the last"]]).sketch()
    [match] = find_source_chunks(
        sample_of([[*numbered(0, 999), "the last"]]), [("earlier", earlier)]
    )
    assert sources_of(match) == [("earlier", 0, 999), ("earlier", 1, 1)]
    assert match.new_rows == 0


def test_a_chunk_has_no_more_source_chunks_than_the_maximum():
    earlier = sample_of([[text] for text in numbered(0, 100)]).sketch()
    [match] = find_source_chunks(sample_of([numbered(0, 100)]), [("earlier", earlier)])
    assert len(match.source_chunks) == MAX_SOURCE_CHUNKS
    assert match.new_rows == 100 - MAX_SOURCE_CHUNKS


def test_samples_find_the_source_chunks_and_estimate_what_they_share():
    earlier = sample_of([numbered(0, 4000), numbered(4000, 8000)], max_hashes=2000).sketch()
    [first, second] = find_source_chunks(
        sample_of([numbered(1000, 5000), numbered(9000, 9500)]), [("earlier", earlier)]
    )
    assert [
        (source.position, abs(source.shared / rows - 1) < 0.2)
        for source, rows in zip(first.source_chunks, (3000, 1000), strict=True)
    ] == [(0, True), (1, True)]
    assert first.new_rows is None, "a sample cannot say that nothing is new"
    assert (second.source_chunks, second.new_rows) == ((), 500)
