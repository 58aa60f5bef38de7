"""How a server misbehaves, and the answers by which it refuses."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Faults:
    """How one subscription misbehaves.

    `copies`: every message is delivered so many times, each to be acknowledged for itself.
    `shuffle`: a seed; what waits is delivered in an order drawn from it. `break_every`: seconds after
    which a stream breaks with UNAVAILABLE. `max_lease`: seconds; a message comes back after
    these even if a longer deadline was asked for. `release_at_once`: what a broken stream held comes
    back now. The real service waits for its deadline.
    """

    copies: int = 1
    shuffle: int | None = None
    break_every: float | None = None
    max_lease: float | None = None
    release_at_once: bool = False


class Refused(Exception):
    """A call that ends with a status. `per_ack_id`: why, for each id that an exactly-once
    subscription refuses.
    """

    def __init__(self, code: str, details: str, per_ack_id: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details, self.per_ack_id = code, details, per_ack_id or {}


@dataclass
class Refusals:
    """Calls that are refused, by what they concern (a topic or subscription) and the method's name."""

    _open: dict[tuple[str, str], tuple[str, int | None]] = field(default_factory=dict)

    def refuse(self, name: str, method: str, code: str, times: int | None) -> None:
        self._open[name, method] = (code, times)

    def allow(self, name: str, method: str) -> None:
        self._open.pop((name, method), None)

    def check(self, name: str, method: str) -> None:
        """Raises Refused, so many times as was asked for."""
        code, times = self._open.get((name, method), ("", 0))
        if times == 0:
            return
        if times is not None:
            self._open[name, method] = (code, times - 1)
        raise Refused(code, f"{method} on {name} is refused, as the test asked")
