"""Where the texts of an upload were before: chunks of earlier datasets, by their sketches."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from intake.overlap.match import MOST_DONORS, find_donors
from intake.overlap.sample import Sample, texts_of

WORDS = [f"text {number}" for number in range(40)]
CHUNK = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12)
DATASET = st.lists(CHUNK, min_size=1, max_size=5)


def sample_of(chunks, most=1 << 20):
    sample = Sample(most, most)
    for texts in chunks:
        sample.add(texts_of(pa.array(texts, pa.string())))
    return sample


def numbered(first, end):
    return [f"text {number}" for number in range(first, end)]


def donors_of(found):
    return [(donor.dataset, donor.position, donor.shared) for donor in found.donors]


@given(DATASET, st.lists(DATASET, max_size=4))
def test_new_are_exactly_the_rows_that_no_donor_holds(ours, earlier):
    found = find_donors(
        sample_of(ours), [(str(at), sample_of(one).sketch()) for at, one in enumerate(earlier)]
    )
    for texts, one in zip(ours, found, strict=True):
        held = {
            text for donor in one.donors for text in earlier[int(donor.dataset)][donor.position]
        }
        assert one.new == sum(text not in held for text in texts)
        assert one.new == sum(
            all(text not in chunk for chunks in earlier for chunk in chunks) for text in texts
        )
        assert len(set(donors_of(one))) == len(one.donors)


@given(DATASET, DATASET)
def test_what_the_donors_of_one_dataset_share_and_what_is_new_make_up_the_chunk(ours, earlier):
    found = find_donors(sample_of(ours), [("earlier", sample_of(earlier).sketch())])
    for texts, one in zip(ours, found, strict=True):
        assert sum(donor.shared for donor in one.donors) + one.new == len(texts)


def test_a_repeated_upload_finds_the_chunks_over_which_its_rows_were_spread():
    earlier = sample_of([numbered(0, 100), numbered(100, 200)]).sketch()
    [one, two] = find_donors(
        sample_of([[*numbered(10, 90), "new"], numbered(90, 190)]), [("earlier", earlier)]
    )
    assert (donors_of(one), one.new) == ([("earlier", 0, 80)], 1)
    assert (donors_of(two), two.new) == ([("earlier", 1, 90), ("earlier", 0, 10)], 0)


def test_a_text_is_looked_for_in_the_two_newest_datasets_that_have_it():
    """The scores of the newest may not be there."""
    earlier = [
        (name, sample_of([numbered(0, 50)]).sketch()) for name in ("today", "yesterday", "before")
    ]
    asked = []
    [one] = find_donors(
        sample_of([numbered(0, 50)]),
        (asked.append(name) or (name, known) for name, known in earlier),
    )
    assert donors_of(one) == [("today", 0, 50), ("yesterday", 0, 50)]
    assert asked == ["today", "yesterday"], "and no further sketch is read"


def test_a_donor_that_shares_next_to_nothing_is_not_worth_its_reading():
    earlier = sample_of([["ok", *(f"other {number}" for number in range(1000))]]).sketch()
    [one] = find_donors(sample_of([["ok", *numbered(0, 999)]]), [("earlier", earlier)])
    assert (one.donors, one.new) == ((), 1000)


def test_a_donor_of_the_last_row_is_worth_it_because_then_no_model_is_needed():
    earlier = sample_of([numbered(0, 999), ["the last"]]).sketch()
    [one] = find_donors(sample_of([[*numbered(0, 999), "the last"]]), [("earlier", earlier)])
    assert (donors_of(one), one.new) == ([("earlier", 0, 999), ("earlier", 1, 1)], 0)


def test_a_chunk_has_no_more_donors_than_it_can_read():
    earlier = sample_of([[text] for text in numbered(0, 100)]).sketch()
    [one] = find_donors(sample_of([numbered(0, 100)]), [("earlier", earlier)])
    assert (len(one.donors), one.new) == (MOST_DONORS, 100 - MOST_DONORS)


def test_samples_find_the_donors_and_estimate_what_they_share():
    earlier = sample_of([numbered(0, 4000), numbered(4000, 8000)], most=2000).sketch()
    [one, two] = find_donors(
        sample_of([numbered(1000, 5000), numbered(9000, 9500)]), [("earlier", earlier)]
    )
    assert [
        (donor.position, abs(donor.shared / rows - 1) < 0.2)
        for donor, rows in zip(one.donors, (3000, 1000), strict=True)
    ] == [(0, True), (1, True)]
    assert one.new is None, "a sample cannot say that nothing is new"
    assert (two.donors, two.new) == ((), 500)
