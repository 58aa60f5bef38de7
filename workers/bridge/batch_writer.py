"""The batch writer: stores the messages whose ids a batch owns, then acknowledges them.

A message is acknowledged only when its id is stored, by this batch or another, and no id is stored
twice. tasks.board.message_dedup tells which batch owns an id, intake.messages.batch whether that
batch was stored.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Lock
from time import monotonic

import pyarrow as pa
import pyarrow.compute as pc

from intake.messages.batch import abandon_batch, batch_name, validate_messages
from intake.messages.dead_letters import DeadLetter, DeadLetters
from intake.messages.message import MessageFeedback, RejectedMessage
from intake.messages.subscription import ReceivedMessage
from intake.readers.block import RejectReason
from storage.records.feedback import FirstLabels
from tasks.board.bridge_roster import Outcome
from tasks.board.context import Context
from tasks.board.message_dedup import MessageDedup
from tasks.jobs.batch_submit import (
    is_overdue,
    resolve_first_labels,
    submit_batch,
    submit_stored_batch,
)

# Seconds after which a batch is abandoned that has claimed ids and is not stored.
_ABANDON_SECONDS = 30.0
# Seconds to wait for a batch that owns some of the ids and is about to be stored.
_WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.05
_MAX_REMEMBERED = 1024  # keys of stored batches

# Acknowledges stored or rejected messages; the outcome is counted.
Acknowledge = Callable[[Sequence[ReceivedMessage], Outcome], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReceivedFeedback:
    """A received message that is feedback of a known customer: the message and its feedback."""

    received: ReceivedMessage
    feedback: MessageFeedback


class ClaimedElsewhere(Exception):
    """Ids that another bridge has claimed and not stored yet."""

    def __init__(self, batch: str) -> None:
        self.batch = batch
        super().__init__(f"batch {batch} has claimed some of these ids and is not stored yet")


class BatchWriter:
    """Writes batches, several at once in different threads."""

    def __init__(
        self,
        context: Context,
        dedup: MessageDedup,
        dead_letters: DeadLetters,
        *,
        results: str | None,
        max_chars: int,
    ) -> None:
        """`results`: the topic for the labels; `max_chars`: longer clean texts are rejected."""
        self._context, self._dedup, self._dead_letters = context, dedup, dead_letters
        self._results, self._max_chars = results, max_chars
        # customer/batch of stored batches with a started job, the latest last
        self._stored_batches: dict[str, None] = {}
        self._lock = Lock()

    def reject(
        self,
        rejected: Sequence[tuple[ReceivedMessage, RejectedMessage]],
        acknowledge: Acknowledge,
    ) -> None:
        """Write messages without feedback to the dead letters. Raises what the place raises."""
        now = datetime.now(UTC)
        letters = [DeadLetter(received.message, reason) for received, reason in rejected]
        self._dead_letters.store(letters, batch_name(now), now)
        acknowledge([received for received, _ in rejected], "rejected")

    def write(
        self, customer: str, batch: Sequence[ReceivedFeedback], acknowledge: Acknowledge
    ) -> None:
        """Store the new ones of one customer's messages, and check that the others are stored.

        Raises ClaimedElsewhere, NotPublished, Mismatch, and what storage and broker raise. Messages
        that were acknowledged before the error stay so.
        """
        # First, so that no id is claimed of a customer without an ensemble.
        first_labels = resolve_first_labels(self._context, customer, self._results)
        raw = [item.received.message.raw for item in batch]
        table, rejects = validate_messages([item.feedback for item in batch], raw, self._max_chars)
        messages_by_id: dict[str, list[ReceivedMessage]] = defaultdict(list)
        for id_, row in zip(table["id"].to_pylist(), table["row"].to_pylist(), strict=True):
            messages_by_id[id_].append(batch[row - 1].received)
        rejected = []
        for reject in rejects:
            received = batch[reject.row - 1].received
            if reject.reason is RejectReason.DUPLICATE_ID and reject.id is not None:
                messages_by_id[reject.id].append(received)
            else:
                reason = RejectedMessage(reject.reason, reject.detail, reject.id)
                rejected.append((received, reason))
        if rejected:
            self.reject(rejected, acknowledge)
        pending, abandoned = _PendingMessages(messages_by_id, acknowledge), set[str]()
        while pending.ids:
            self._store(first_labels, customer, table, pending, abandoned)

    def _store(
        self,
        first_labels: FirstLabels,
        customer: str,
        table: pa.Table,
        pending: "_PendingMessages",
        abandoned: set[str],
    ) -> None:
        """Store the rows whose ids can be claimed, and acknowledge all ids that are stored.

        `abandoned`: batches that will not be stored; they are added, and their ids stay pending.
        """
        now = datetime.now(UTC)
        name, ids = batch_name(now), pending.ids
        claimed = self._dedup.claim(customer, name, ids, now, abandoned)
        owners = dict(zip(ids, claimed, strict=True))
        own_ids = [id_ for id_, owner in owners.items() if owner == name]
        if own_ids:
            rows = table.filter(pc.is_in(table["id"], pa.array(own_ids, pa.string())))
            if submit_batch(self._context, customer, name, rows, first_labels) is None:
                abandoned.add(name)  # this process was so slow that another one abandoned it
            else:
                self._dedup.confirm(customer, name, own_ids)
                self._remember(f"{customer}/{name}")
                pending.acknowledge(own_ids, "stored")
        for owner in dict.fromkeys(owners.values()):
            if owner != name:
                if self._wait_until_stored(first_labels, customer, owner):
                    owned = [id_ for id_ in ids if owners[id_] == owner]
                    pending.acknowledge(owned, "duplicate")
                else:
                    abandoned.add(owner)

    def _wait_until_stored(self, first_labels: FirstLabels, customer: str, owner: str) -> bool:
        """Wait for another batch; return whether it is stored, False if it never will be.

        Raises ClaimedElsewhere if it is neither in time.
        """
        end = monotonic() + _WAIT_SECONDS
        while not self._is_stored(first_labels, customer, owner):
            if is_overdue(owner, datetime.now(UTC), _ABANDON_SECONDS):
                if abandon_batch(self._context.place, customer, owner):
                    log.warning("batch %s was never stored: its messages are stored anew", owner)
                    return False
            elif monotonic() > end:
                raise ClaimedElsewhere(owner)
            else:
                Event().wait(_POLL_SECONDS)
        return True

    def _is_stored(self, first_labels: FirstLabels, customer: str, batch: str) -> bool:
        key = f"{customer}/{batch}"
        if key not in self._stored_batches:
            if submit_stored_batch(self._context, customer, batch, first_labels) is None:
                return False
            self._remember(key)
        return True

    def _remember(self, key: str) -> None:
        with self._lock:
            self._stored_batches[key] = None
            while len(self._stored_batches) > _MAX_REMEMBERED:
                del self._stored_batches[next(iter(self._stored_batches))]


class _PendingMessages:
    """Messages by id that are not acknowledged yet; several may have one id."""

    def __init__(
        self, messages_by_id: dict[str, list[ReceivedMessage]], acknowledge: Acknowledge
    ) -> None:
        self._messages_by_id, self._acknowledge = messages_by_id, acknowledge

    @property
    def ids(self) -> list[str]:
        return list(self._messages_by_id)

    def acknowledge(self, ids: Sequence[str], outcome: Outcome) -> None:
        """Acknowledge the messages of these ids.

        The outcome counts for the first message of an id; the others are duplicates.
        """
        messages = [self._messages_by_id.pop(id_) for id_ in ids]
        self._acknowledge([same_id[0] for same_id in messages], outcome)
        if duplicates := [message for same_id in messages for message in same_id[1:]]:
            self._acknowledge(duplicates, "duplicate")
