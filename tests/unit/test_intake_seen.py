"""Which ids an upload has had so far."""

from hypothesis import given
from hypothesis import strategies as st

from intake.seen import Seen

IDS = st.text(st.sampled_from("ab\u00e9\U0001f600\"'\\1 "), min_size=1, max_size=3)


@given(st.lists(st.lists(IDS, max_size=6), max_size=6))
def test_the_first_one_wins_within_and_across_blocks(blocks: list[list[str]]) -> None:
    known: set[str] = set()
    with Seen() as seen:
        for block in blocks:
            expected = []
            for position, id_ in enumerate(block):
                if id_ in known:
                    expected.append(position)
                known.add(id_)
            assert seen.add(block) == expected


def test_numbers_and_words_are_told_apart_as_they_are_spelled() -> None:
    with Seen() as seen:
        assert seen.add(["1", "01", "1.0", "A", "a", "null", "true"]) == []
        assert seen.add(["1", "A"]) == [0, 1]
