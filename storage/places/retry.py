"""The retry policy of storage: how long to wait after so many failures and so many seconds."""

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
            f"Storage is unavailable: {url} could not be read or written in {tries} tries over "
            f"{seconds:.0f} s. Last error: {reason}. No partly written file was left. Run it again "
            "when storage is available."
        )


class StorageRefused(ChorusError):
    """An operation that storage refused, and would refuse again."""

    def __init__(self, url: str, reason: str, advice: str) -> None:
        self.url, self.reason, self.advice = url, reason, advice
        super().__init__(f"Storage refused {url}: {reason}. {advice}")


@dataclass(frozen=True)
class RetryPolicy:
    """Waits and time limits of an operation, in seconds.

    The waits double from `first_wait` to `longest_wait`. After `give_up_after` the operation has
    failed.

    >>> [RetryPolicy().wait(failures, spent=0, draw=1) for failures in range(1, 8)]
    [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    """

    first_wait: float = 0.25
    longest_wait: float = 8.0
    give_up_after: float = 60.0
    idle_timeout: float = 15.0  # without a byte of the answer: the connection is dead
    request_timeout: float = 30.0  # of one try, plus the time for its bytes at `slowest_rate`
    slowest_rate: float = 1e6  # bytes a second

    def wait(self, failures: int, spent: float, draw: float) -> float | None:
        """Return the seconds until the next try; None: give up.

        `failures`: tries so far; `spent`: seconds so far. `draw`, a random number in [0, 1), sets
        the wait between half and all of its length, so that workers that failed at the same time do
        not retry at the same time.
        """
        wait = min(self.first_wait * 2.0 ** (failures - 1), self.longest_wait) * (1 + draw) / 2
        return wait if spent + wait <= self.give_up_after else None

    def timeout_for(self, size: int) -> float:
        """Return the time limit of one request that moves `size` bytes."""
        return self.request_timeout + size / self.slowest_rate
