"""How the server of the tests misbehaves, and the statuses with which it refuses calls."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Faults:
    """How one subscription misbehaves.

    `copies`: every message is delivered so many times, each to be acknowledged by itself.
    `shuffle`: a seed; waiting messages are delivered in an order drawn from it. `break_every`:
    seconds after which a stream breaks with UNAVAILABLE. `max_lease`: seconds after which a message
    comes back even if a longer deadline was requested. `release_at_once`: messages of a broken
    stream come back now; the real service waits for their deadlines.
    """

    copies: int = 1
    shuffle: int | None = None
    break_every: float | None = None
    max_lease: float | None = None
    release_at_once: bool = False


class Refused(Exception):
    """A call that ends with a status.

    `per_ack_id`: the reason for each id that an exactly-once subscription refuses.
    """

    def __init__(self, code: str, details: str, per_ack_id: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details, self.per_ack_id = code, details, per_ack_id or {}


@dataclass
class Refusals:
    """The calls to refuse, by resource (a topic or a subscription) and name of the method."""

    _active: dict[tuple[str, str], tuple[str, int | None]] = field(default_factory=dict)

    def refuse(self, name: str, method: str, code: str, times: int | None) -> None:
        self._active[name, method] = (code, times)

    def allow(self, name: str, method: str) -> None:
        self._active.pop((name, method), None)

    def check(self, name: str, method: str) -> None:
        """Raise Refused if this call is to be refused, and count it."""
        code, times = self._active.get((name, method), ("", 0))
        if times == 0:
            return
        if times is not None:
            self._active[name, method] = (code, times - 1)
        raise Refused(code, f"{method} on {name} is refused, as the test asked")
