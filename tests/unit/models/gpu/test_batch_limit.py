"""Out of memory: every text is answered all the same, and what fitted is remembered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gpu.batch_limit import BatchLimit, TextTooLarge, compute_in_batches
from models.transformer.batches import split_by_tokens, split_by_width


class OutOfMemory(Exception):
    pass


class Device:
    """Holds so many tokens at a time."""

    def __init__(self, lengths, room):
        self._lengths, self._room = lengths, room
        self.released = 0
        self.tried = []

    def compute(self, piece):
        tokens = int(self._lengths[piece.start : piece.stop].sum())
        self.tried.append(tokens)
        if tokens > self._room:
            raise OutOfMemory
        return list(piece)

    def release(self):
        self.released += 1


def scored(lengths, room, ceiling, cut=split_by_tokens):
    device = Device(lengths, room)
    return compute_in_batches(
        lengths, ceiling, cut, device.compute, OutOfMemory, device.release
    ), device


longest_first = st.lists(st.integers(1, 60), max_size=60).map(
    lambda found: np.array(sorted(found)[::-1], dtype=np.int64)
)


@given(
    longest_first,
    st.integers(60, 500),
    st.integers(1, 5000),
    st.sampled_from([split_by_tokens, split_by_width]),
)
def test_every_text_is_answered_once_and_in_order(lengths, room, budget, cut):
    ceiling = BatchLimit(budget, "here")
    answers, device = scored(lengths, room, ceiling, cut)
    assert [text for piece in answers for text in piece] == list(range(len(lengths)))
    assert ceiling.tokens <= budget
    assert device.released == sum(tokens > room for tokens in device.tried)


@given(longest_first, st.integers(1, 59), st.integers(1, 5000))
def test_a_single_text_that_does_not_fit_is_an_error_that_says_so(lengths, room, budget):
    if len(lengths) and lengths[0] > room:
        with pytest.raises(
            TextTooLarge, match=f"single text of {lengths[0]} tokens .* memory of here"
        ):
            scored(lengths, room, BatchLimit(budget, "here"))
    else:
        answers, _ = scored(lengths, room, BatchLimit(budget, "here"))
        assert sum(map(len, answers)) == len(lengths)


def test_the_next_chunk_begins_where_the_memory_ended():
    ceiling, lengths = BatchLimit(1000, "here"), np.full(50, 20, dtype=np.int64)
    scored(lengths, 300, ceiling)
    assert ceiling.tokens == 250
    _, again = scored(lengths, 300, ceiling)
    assert again.released == 0


def test_the_ceiling_of_a_model_on_a_device_is_remembered(tmp_path):
    scored(
        np.full(50, 20, dtype=np.int64),
        300,
        BatchLimit(1000, "NVIDIA H200", "a" * 64, tmp_path / "cache"),
    )
    assert BatchLimit(1000, "NVIDIA H200", "a" * 64, tmp_path / "cache").tokens == 250
    assert BatchLimit(100, "NVIDIA H200", "a" * 64, tmp_path / "cache").tokens == 100
    assert BatchLimit(1000, "NVIDIA L4", "a" * 64, tmp_path / "cache").tokens == 1000
    assert BatchLimit(1000, "NVIDIA H200", "b" * 64, tmp_path / "cache").tokens == 1000
    assert BatchLimit(1000, "NVIDIA H200", None, tmp_path / "cache").tokens == 1000


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"tokens": null}', '{"tokens": "many"}'])
def test_a_damaged_memory_is_no_memory(tmp_path, content):
    BatchLimit(1000, "here", "a" * 64, tmp_path).lower(10)
    [file] = tmp_path.iterdir()
    file.write_text(content)
    assert BatchLimit(1000, "here", "a" * 64, tmp_path).tokens == 1000
