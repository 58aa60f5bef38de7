"""What a process keeps of the records that never change."""

from tasks.planning.record_cache import DatasetCache
from tests.support.runs.steps import store_dataset


def test_datasets_are_kept_by_their_size_those_used_last_longest(place):
    for name, chunks in {"a": 2, "b": 3, "c": 3}.items():
        store_dataset(place, [str(number) for number in range(2 * chunks)], name=name)
    datasets = DatasetCache(8)  # chunks; a dataset itself counts as one more
    first, second = (datasets.get(place, "acme", name) for name in ("a", "b"))
    assert datasets.get(place, "acme", "a") is first
    datasets.get(place, "acme", "c")
    assert datasets.get(place, "acme", "a") is first
    assert datasets.get(place, "acme", "b") is not second


def test_a_dataset_larger_than_all_the_room_is_kept_alone(place):
    for name in ("large", "small"):
        store_dataset(place, [str(number) for number in range(20)], name=name)
    datasets = DatasetCache(5)
    large = datasets.get(place, "acme", "large")
    assert datasets.get(place, "acme", "large") is large
    datasets.get(place, "acme", "small")
    assert datasets.get(place, "acme", "large") is not large
