"""Who computes on how many cores: the workers of a machine share them by plan, not by accident.
Pure.
"""

from collections.abc import Mapping


def share(cores: int, most: Mapping[str, int | None]) -> dict[str, int]:
    """Threads for each worker, at least one.

    `most` is how many threads each can use (None: any number). What is left when everyone has one
    goes round in turn:

        share(4, {"minilm": None, "bow": 1}) == {"minilm": 3, "bow": 1}
        share(4, {"minilm": None, "topics": None, "bow": 1}) == {"minilm": 2, "topics": 1, "bow": 1}
    """
    threads = dict.fromkeys(most, 1)
    left = cores - len(most)
    while left > 0:
        takers = [name for name, limit in most.items() if limit is None or threads[name] < limit][
            :left
        ]
        if not takers:
            break
        for name in takers:
            threads[name] += 1
        left -= len(takers)
    return threads
