"""One subscription: the messages that wait, those on a lease, and those that came back."""

import heapq
import itertools
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Condition, RLock
from typing import Any

from tests.support.pubsub.faults import Faults, Refused

MAX_RESPONSE_MESSAGES = 1000
MAX_RESPONSE_BYTES = 10_000_000
INVALID = "PERMANENT_FAILURE_INVALID_ACK_ID"


@dataclass
class Copy:
    """One copy of a message on its way to its acknowledgement."""

    message: Any  # the protobuf PubsubMessage
    size: int
    attempts: int = 0


@dataclass(eq=False)
class Stream:
    """One open streaming pull; a limit of 0 means none."""

    deadline: float
    max_messages: int
    max_bytes: int
    opened: float = field(default_factory=time.monotonic)
    messages: int = 0  # that are on a lease
    bytes: int = 0
    ended: bool = False  # by the client
    broken: str | None = None  # with this status, by the server
    # kind, valid ids, invalid ids
    confirmations: list[tuple[str, list[str], list[str]]] = field(default_factory=list)

    def capacity(self) -> tuple[int, int]:
        """Return how many messages and bytes may follow.

        A message that is larger than the capacity is delivered alone.
        """
        messages = min(
            MAX_RESPONSE_MESSAGES,
            self.max_messages - self.messages if self.max_messages > 0 else MAX_RESPONSE_MESSAGES,
        )
        remaining_bytes = min(
            MAX_RESPONSE_BYTES,
            self.max_bytes - self.bytes if self.max_bytes > 0 else MAX_RESPONSE_BYTES,
        )
        return messages, remaining_bytes


@dataclass
class Lease:
    """A delivered copy, until it is acknowledged or its deadline has passed."""

    copy: Copy
    deadline: float
    stream: Stream | None


class ServerSubscription:
    """One subscription. Every method needs the server's lock; `changed` belongs to that lock."""

    def __init__(
        self, config: Any, faults: Faults, lock: RLock, dead_letter: Callable[[Any, Any], None]
    ) -> None:
        """`config`: the protobuf Subscription. `dead_letter(config, copy)` publishes a copy to its
        dead-letter topic.
        """
        self.config = config
        self.changed = Condition(lock)
        self.streams: list[Stream] = []
        self.streams_opened = 0
        self.waiting: deque[Copy] = deque()
        self.leases: dict[str, Lease] = {}
        self.deliveries: Counter[str] = Counter()
        self.acks: Counter[str] = Counter()
        self.late: Counter[str] = Counter()  # acknowledged or extended after the deadline
        self._dead_letter = dead_letter
        self._numbers = itertools.count()
        # a heap; a lease that was extended is pushed again when it is due
        self._expiries: list[tuple[float, str]] = []
        self.set_faults(faults)

    def set_faults(self, faults: Faults) -> None:
        self.faults = faults
        self._random = None if faults.shuffle is None else random.Random(faults.shuffle)  # noqa: S311 — an order
        self.changed.notify_all()

    def add(self, messages: Iterable[Any]) -> None:
        """Add messages that were published to the topic."""
        sized = [(message, message.ByteSize()) for message in messages]
        for _ in range(self.faults.copies):
            self.waiting.extend(Copy(message, size) for message, size in sized)
        self.changed.notify_all()

    def lease(
        self, stream: Stream | None, max_messages: int, max_bytes: int, deadline: float
    ) -> list[tuple[str, Copy]]:
        """Lease waiting messages: at most so many, and bytes unless the first alone is larger."""
        self.release_expired()
        if self._random and len(self.waiting) > 1:
            shuffled = list(self.waiting)
            self._random.shuffle(shuffled)
            self.waiting = deque(shuffled)
        if stream:  # each stream leaves some to the others
            share = -(-len(self.waiting) // max(1, len(self.streams)))
            max_messages = min(max_messages, share)
        leased: list[tuple[str, Copy]] = []
        may_exceed = stream is None or not stream.messages
        while self.waiting and len(leased) < max_messages:
            copy = self.waiting[0]
            if copy.size > max_bytes and (leased or not may_exceed):
                break
            max_bytes -= copy.size
            self.waiting.popleft()
            leased.append((self._lease(copy, stream, deadline), copy))
        return leased

    def acknowledge(self, ack_ids: Iterable[str]) -> tuple[list[str], list[str]]:
        """Acknowledge messages; return (ids that counted, ids that came too late)."""
        valid, invalid = self._split_valid(ack_ids)
        for ack_id in valid:
            self.acks[self._end_lease(ack_id).message.message_id] += 1
        self.changed.notify_all()
        return valid, invalid

    def extend(self, ack_ids: Iterable[str], seconds: float) -> tuple[list[str], list[str]]:
        """Set a new deadline; 0 releases the messages. Returns the same as `acknowledge`."""
        valid, invalid = self._split_valid(ack_ids)
        for ack_id in valid:
            if seconds == 0:
                self.release(ack_id)
            else:
                self.leases[ack_id].deadline = self._deadline(seconds)
                self._schedule_expiry(ack_id)
        self.changed.notify_all()
        return valid, invalid

    def raise_if_invalid(self, invalid: list[str]) -> None:
        """Raise Refused for ids that came too late, which only exactly-once subscriptions do."""
        if invalid and self.config.enable_exactly_once_delivery:
            raise Refused(
                "INVALID_ARGUMENT",
                "ack ids in the request have expired or were never given out",
                dict.fromkeys(invalid, INVALID),
            )

    def release_expired(self, now: float | None = None) -> None:
        """Release the messages whose leases have expired by `now`, by default the present."""
        now = time.monotonic() if now is None else now
        while self._expiries and self._expiries[0][0] <= now:
            _, ack_id = heapq.heappop(self._expiries)
            lease = self.leases.get(ack_id)
            if lease is None:
                continue
            if lease.deadline <= now:
                self.release(ack_id)
            else:
                self._schedule_expiry(ack_id)

    def next_expiry(self) -> float | None:
        """Return when the next lease may expire."""
        return self._expiries[0][0] if self._expiries else None

    def close(self, stream: Stream) -> None:
        """Remove a closed stream; its messages come back at their deadlines, or now."""
        stream.ended = True
        if stream in self.streams:
            self.streams.remove(stream)
        if self.faults.release_at_once:
            for ack_id in [
                ack_id for ack_id, lease in self.leases.items() if lease.stream is stream
            ]:
                self.release(ack_id)
        self.changed.notify_all()

    def _split_valid(self, ack_ids: Iterable[str]) -> tuple[list[str], list[str]]:
        self.release_expired()
        valid: dict[str, None] = {}
        invalid: dict[str, None] = {}
        for ack_id in ack_ids:
            (valid if ack_id in self.leases else invalid)[ack_id] = None
        self.late.update(ack_id.partition(":")[0] for ack_id in invalid)
        return list(valid), list(invalid)

    def _lease(self, copy: Copy, stream: Stream | None, seconds: float) -> str:
        ack_id = f"{copy.message.message_id}:{next(self._numbers)}"
        copy.attempts += 1
        self.deliveries[copy.message.message_id] += 1
        if stream:
            stream.messages += 1
            stream.bytes += copy.size
        self.leases[ack_id] = Lease(copy, self._deadline(seconds), stream)
        self._schedule_expiry(ack_id)
        return ack_id

    def _deadline(self, seconds: float) -> float:
        max_lease = self.faults.max_lease
        return time.monotonic() + (seconds if max_lease is None else min(seconds, max_lease))

    def _schedule_expiry(self, ack_id: str) -> None:
        heapq.heappush(self._expiries, (self.leases[ack_id].deadline, ack_id))
        if self._expiries[0][1] == ack_id:
            self.changed.notify_all()  # the waiting threads have a nearer expiry to wait for

    def _end_lease(self, ack_id: str) -> Copy:
        lease = self.leases.pop(ack_id)
        if lease.stream:
            lease.stream.messages -= 1
            lease.stream.bytes -= lease.copy.size
        return lease.copy

    def release(self, ack_id: str) -> None:
        copy = self._end_lease(ack_id)
        policy = self.config.dead_letter_policy
        if policy.dead_letter_topic and copy.attempts >= policy.max_delivery_attempts:
            self._dead_letter(self.config, copy)
        else:
            self.waiting.append(copy)
        self.changed.notify_all()
