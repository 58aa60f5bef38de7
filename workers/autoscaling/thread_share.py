"""How the workers of a machine share its cores. Pure."""

from collections.abc import Mapping


def share_threads(cores: int, most: Mapping[str, int | None]) -> dict[str, int]:
    """Return the threads of each worker, at least one.

    `most` is how many threads each can use (None: any number). What is left when each has one is
    dealt out in turns:

        share_threads(4, {"minilm": None, "bow": 1}) == {"minilm": 3, "bow": 1}
        share_threads(4, {"minilm": None, "topics": None, "bow": 1}) == {"minilm": 2, "topics": 1, "bow": 1}
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
