"""The cache of records keeps the cache used last, by their size."""

from tasks.planning.record_cache import DatasetCache
from tests.support.runs.steps import store_dataset


def test_the_cache_drops_the_dataset_that_was_not_used_for_longest(place):
    for name, chunks in {"a": 2, "b": 3, "c": 3}.items():
        store_dataset(place, [str(number) for number in range(2 * chunks)], name=name)
    cache = DatasetCache(8)  # chunks; a dataset itself counts as one more
    first, second = (cache.get(place, "acme", name) for name in ("a", "b"))
    assert cache.get(place, "acme", "a") is first
    cache.get(place, "acme", "c")
    assert cache.get(place, "acme", "a") is first
    assert cache.get(place, "acme", "b") is not second


def test_a_dataset_larger_than_the_cache_is_kept_until_another_is_used(place):
    for name in ("large", "small"):
        store_dataset(place, [str(number) for number in range(20)], name=name)
    cache = DatasetCache(5)
    large = cache.get(place, "acme", "large")
    assert cache.get(place, "acme", "large") is large
    cache.get(place, "acme", "small")
    assert cache.get(place, "acme", "large") is not large
