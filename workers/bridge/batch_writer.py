"""The batch writer: stores a batch of messages under ids that it owns, then acknowledges them.

A message is acknowledged only when it is stored, by this batch or another, and no id is stored
twice. tasks.board.message_dedup says which batch owns an id, intake.messages.batch whether that
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

_LOST_SECONDS = 30.0  # after which a batch that claimed ids and was not stored is given up
# seconds for which a batch waits for another that holds some of its ids and is about to be stored
_PATIENCE = 10.0
_LOOK_EVERY = 0.05
_KNOWN = 1024  # names of stored batches

Settled = Callable[[Sequence[ReceivedMessage], Outcome], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadMessage:
    """A received message, and what it says."""

    received: ReceivedMessage
    feedback: MessageFeedback


class ClaimedElsewhere(Exception):
    """Ids that another bridge has claimed and not stored yet."""

    def __init__(self, batch: str) -> None:
        self.batch = batch
        super().__init__(f"batch {batch} has claimed some of these ids and is not stored yet")


class BatchWriter:
    """A writer of batches, several at once.

    `settled` is called with the messages that may be acknowledged, and their outcome.
    """

    def __init__(
        self,
        context: Context,
        once: MessageDedup,
        dead_letters: DeadLetters,
        *,
        results: str | None,
        max_chars: int,
    ) -> None:
        """`results`: the topic for the labels; a clean text with more than `max_chars` is rejected."""
        self._context, self._once, self._dead_letters = context, once, dead_letters
        self._results, self._most_chars = results, max_chars
        self._known: dict[str, None] = {}  # stored batches whose jobs are going, the newest last
        self._lock = Lock()

    def reject(
        self, letters: Sequence[tuple[ReceivedMessage, RejectedMessage]], settled: Settled
    ) -> None:
        """Write messages that are no feedback to the dead letters. Raises what the place raises."""
        now = datetime.now(UTC)
        self._dead_letters.store(
            [DeadLetter(one.message, why) for one, why in letters], batch_name(now), now
        )
        settled([one for one, _ in letters], "rejected")

    def write(self, customer: str, batch: Sequence[ReadMessage], settled: Settled) -> None:
        """Store what is new of one customer's messages, and check that the rest is stored.

        Raises ClaimedElsewhere, NotPublished, Mismatch, and what storage and broker raise. What was
        settled before stays settled.
        """
        # nothing is claimed that nobody could label
        first = resolve_first_labels(self._context, customer, self._results)
        raw = [one.received.message.raw for one in batch]
        table, rejects = validate_messages([one.feedback for one in batch], raw, self._most_chars)
        of_id: dict[str, list[ReceivedMessage]] = defaultdict(list)
        for id_, row in zip(table["id"].to_pylist(), table["row"].to_pylist(), strict=True):
            of_id[id_].append(batch[row - 1].received)
        bad = []
        for reject in rejects:
            received = batch[reject.row - 1].received
            if reject.reason is RejectReason.DUPLICATE_ID and reject.id is not None:
                of_id[reject.id].append(received)
            else:
                bad.append((received, RejectedMessage(reject.reason, reject.detail, reject.id)))
        if bad:
            self.reject(bad, settled)
        waiting, lost = _Waiting(of_id, settled), set[str]()
        while waiting.ids:
            self._store(first, customer, table, waiting, lost)

    def _store(
        self,
        first: FirstLabels,
        customer: str,
        table: pa.Table,
        waiting: "_Waiting",
        lost: set[str],
    ) -> None:
        """Store the rows whose ids can be claimed, and settle what is stored.

        `lost`: batches that were given up.
        """
        now = datetime.now(UTC)
        name, ids = batch_name(now), waiting.ids
        owners = dict(zip(ids, self._once.claim(customer, name, ids, now, lost), strict=True))
        mine = [id_ for id_, owner in owners.items() if owner == name]
        if mine:
            rows = table.filter(pc.is_in(table["id"], pa.array(mine, pa.string())))
            if submit_batch(self._context, customer, name, rows, first) is None:
                lost.add(name)  # we took so long that somebody gave us up
            else:
                self._once.confirm(customer, name, mine)
                self._remember(f"{customer}/{name}")
                waiting.settle(mine, "stored")
        for owner in dict.fromkeys(owners.values()):
            if owner != name:
                if self._wait_until_stored(first, customer, owner):
                    waiting.settle([id_ for id_ in ids if owners[id_] == owner], "duplicate")
                else:
                    lost.add(owner)

    def _wait_until_stored(self, first: FirstLabels, customer: str, owner: str) -> bool:
        """Return whether another batch is stored, or never will be, after a wait.

        Raises ClaimedElsewhere.
        """
        end = monotonic() + _PATIENCE
        while not self._is_stored(first, customer, owner):
            if is_overdue(owner, datetime.now(UTC), _LOST_SECONDS):
                if abandon_batch(self._context.place, customer, owner):
                    log.warning("batch %s was never stored: its messages are taken in again", owner)
                    return False
            elif monotonic() > end:
                raise ClaimedElsewhere(owner)
            else:
                Event().wait(_LOOK_EVERY)
        return True

    def _is_stored(self, first: FirstLabels, customer: str, batch: str) -> bool:
        key = f"{customer}/{batch}"
        if key not in self._known:
            if submit_stored_batch(self._context, customer, batch, first) is None:
                return False
            self._remember(key)
        return True

    def _remember(self, key: str) -> None:
        with self._lock:  # several threads take batches in
            self._known[key] = None
            while len(self._known) > _KNOWN:
                del self._known[next(iter(self._known))]


class _Waiting:
    """Messages by id that are to be settled; several may have one id."""

    def __init__(self, of_id: dict[str, list[ReceivedMessage]], settled: Settled) -> None:
        self._of_id, self._settled = of_id, settled

    @property
    def ids(self) -> list[str]:
        return list(self._of_id)

    def settle(self, ids: Sequence[str], outcome: Outcome) -> None:
        """Settle the messages of these ids with this outcome; of several with one id, the first."""
        messages = [self._of_id.pop(id_) for id_ in ids]
        self._settled([one[0] for one in messages], outcome)
        if repeats := [again for one in messages for again in one[1:]]:
            self._settled(repeats, "duplicate")
