"""Out of memory: every text is still computed, and the limit is remembered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gpu.batch_limit import BatchLimit, TextTooLarge, compute_in_batches
from models.transformer.batches import split_by_tokens, split_by_width


class OutOfMemory(Exception):
    pass


class Device:
    """A device with memory for so many tokens."""

    def __init__(self, lengths, memory):
        self._lengths, self._memory = lengths, memory
        self.released = 0
        self.attempts = []

    def compute(self, batch):
        tokens = int(self._lengths[batch.start : batch.stop].sum())
        self.attempts.append(tokens)
        if tokens > self._memory:
            raise OutOfMemory
        return list(batch)

    def release(self):
        self.released += 1


def scored(lengths, memory, limit, split=split_by_tokens):
    device = Device(lengths, memory)
    return compute_in_batches(
        lengths, limit, split, device.compute, OutOfMemory, device.release
    ), device


longest_first = st.lists(st.integers(1, 60), max_size=60).map(
    lambda lengths: np.array(sorted(lengths)[::-1], dtype=np.int64)
)


@given(
    longest_first,
    st.integers(60, 500),
    st.integers(1, 5000),
    st.sampled_from([split_by_tokens, split_by_width]),
)
def test_every_text_is_computed_once_and_in_order(lengths, memory, budget, split):
    limit = BatchLimit(budget, "here")
    answers, device = scored(lengths, memory, limit, split)
    assert [text for batch in answers for text in batch] == list(range(len(lengths)))
    assert limit.tokens <= budget
    assert device.released == sum(tokens > memory for tokens in device.attempts)


@given(longest_first, st.integers(1, 59), st.integers(1, 5000))
def test_a_single_text_that_does_not_fit_is_an_error(lengths, memory, budget):
    if len(lengths) and lengths[0] > memory:
        with pytest.raises(
            TextTooLarge, match=f"single text of {lengths[0]} tokens .* memory of here"
        ):
            scored(lengths, memory, BatchLimit(budget, "here"))
    else:
        answers, _ = scored(lengths, memory, BatchLimit(budget, "here"))
        assert sum(map(len, answers)) == len(lengths)


def test_the_next_chunk_starts_with_the_lowered_limit():
    limit, lengths = BatchLimit(1000, "here"), np.full(50, 20, dtype=np.int64)
    scored(lengths, 300, limit)
    assert limit.tokens == 250
    _, later = scored(lengths, 300, limit)
    assert later.released == 0


def test_the_batch_limit_of_a_model_on_a_device_is_remembered(tmp_path):
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
def test_a_damaged_file_of_a_limit_is_ignored(tmp_path, content):
    BatchLimit(1000, "here", "a" * 64, tmp_path).lower(10)
    [file] = tmp_path.iterdir()
    file.write_text(content)
    assert BatchLimit(1000, "here", "a" * 64, tmp_path).tokens == 1000
