"""Retry policy of storage as a value: how often and for how long an operation had failed in,
seconds to wait out.
"""

from dataclasses import dataclass

from storage.errors import ChorusError


class StorageUnavailable(OSError):
    """Storage did not do what it was asked, try after try. Whether it did it after all is not
    known.

    No ChorusError: those are dealt with where one job, one customer or one file is to blame and the
    others go on. That storage is away is nobody's fault, and no job may fail of it.
    """

    def __init__(self, url: str, reason: str, tries: int, seconds: float) -> None:
        self.url, self.reason, self.tries, self.seconds = url, reason, tries, seconds
        super().__init__(
            f"Storage is away: {url} could not be read or written in {tries} tries over {seconds:.0f} s; the last one "
            f"ended in: {reason}. Nothing half-written was left: when storage is back, run it again."
        )


class StorageRefused(ChorusError):
    """Storage answers, and says no: another try would hear the same."""

    def __init__(self, url: str, reason: str, advice: str) -> None:
        self.url, self.reason, self.advice = url, reason, advice
        super().__init__(f"Storage refused {url}: {reason}. {advice}")


@dataclass(frozen=True)
class RetryPolicy:
    """Seconds, but for `slowest`: bytes a second.

    The waits grow from `first` to `longest`, doubled each time; with `limit` behind it the
    operation has failed.

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
        """Seconds until the next try, after so many failures and so much time; None: give up.

        `draw` from [0, 1): between half of the wait and all of it, so that workers which failed
        together do not come back together.
        """
        wait = min(self.first_wait * 2.0 ** (failures - 1), self.longest_wait) * (1 + draw) / 2
        return wait if spent + wait <= self.give_up_after else None

    def timeout_for(self, size: int) -> float:
        """For one try that moves so many bytes."""
        return self.request_timeout + size / self.slowest_rate
