"""How the workers of a machine share its cores. Pure."""

from collections.abc import Mapping


def share_threads(cores: int, max_threads: Mapping[str, int | None]) -> dict[str, int]:
    """Return the threads of each worker, at least one.

    `max_threads`: how many threads each worker can use (None: any number). Each gets one; the cores
    that are left are dealt out in turns:

        share_threads(4, {"minilm": None, "bow": 1}) == {"minilm": 3, "bow": 1}
        share_threads(4, {"minilm": None, "topics": None, "bow": 1})
            == {"minilm": 2, "topics": 1, "bow": 1}
    """
    threads = dict.fromkeys(max_threads, 1)
    free_cores = cores - len(max_threads)
    while free_cores > 0:
        takers = [
            name for name, limit in max_threads.items() if limit is None or threads[name] < limit
        ][:free_cores]
        if not takers:
            break
        for name in takers:
            threads[name] += 1
        free_cores -= len(takers)
    return threads
