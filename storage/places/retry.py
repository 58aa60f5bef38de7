"""The retry policy of storage as a value: failures and elapsed seconds in, seconds to wait out."""

from dataclasses import dataclass

from storage.errors import ChorusError


class StorageUnavailable(OSError):
    """Storage failed on every try. Whether the operation took effect is not known.

    It is not a ChorusError: those are handled where one job, one customer or one file is at fault
    and the others continue. No job may fail because storage is unavailable.
    """

    def __init__(self, url: str, reason: str, tries: int, seconds: float) -> None:
        self.url, self.reason, self.tries, self.seconds = url, reason, tries, seconds
        super().__init__(
            f"Storage is away: {url} could not be read or written in {tries} tries over "
            f"{seconds:.0f} s; the last one "
            f"ended in: {reason}. Nothing half-written was left: when storage is back, run it "
            "again."
        )


class StorageRefused(ChorusError):
    """An operation that storage refused: another try would be refused too."""

    def __init__(self, url: str, reason: str, advice: str) -> None:
        self.url, self.reason, self.advice = url, reason, advice
        super().__init__(f"Storage refused {url}: {reason}. {advice}")


@dataclass(frozen=True)
class RetryPolicy:
    """Waits and time limits, in seconds; `slowest_rate` in bytes a second.

    The waits double from `first_wait` to `longest_wait`. After `give_up_after` the operation has
    failed.

    >>> [RetryPolicy().wait(failures, spent=0, draw=1) for failures in range(1, 8)]
    [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    """

    first_wait: float = 0.25
    longest_wait: float = 8.0
    give_up_after: float = 60.0
    idle_timeout: float = 15.0  # in which nothing of an answer came: the connection is dead
    request_timeout: float = 30.0  # for one try, and beyond it what the bytes need on a slow line
    slowest_rate: float = 1e6

    def wait(self, failures: int, spent: float, draw: float) -> float | None:
        """Return the seconds until the next try; None: give up.

        `failures` so far, `spent` seconds so far. `draw` from [0, 1) puts the wait between half and
        all of its length, so that workers which failed together do not retry together.
        """
        wait = min(self.first_wait * 2.0 ** (failures - 1), self.longest_wait) * (1 + draw) / 2
        return wait if spent + wait <= self.give_up_after else None

    def timeout_for(self, size: int) -> float:
        """Return the time limit of one request that moves `size` bytes."""
        return self.request_timeout + size / self.slowest_rate
