"""The pull loop: messages become stored batches, and only then are they acknowledged.

    stream ──▶ inbox ──▶ gathered by customer ──▶ stored, with a started job ──▶ acknowledged
                                            └──▶ no feedback: rejected, with the reason ──▶ acknowledged

The stream only fills the inbox; one thread gathers; a few threads store, each one batch at a time.
What cannot be stored now is released to the subscription. The flow control of the stream bounds how
many messages are held.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic

from redis.exceptions import RedisError

from intake.messages.batcher import Batcher, MessageBatch, batch_wait
from intake.messages.message import MessageFeedback, RejectedMessage, parse_message
from intake.messages.subscription import PullStopped, ReceivedMessage, Subscription
from storage.errors import ChorusError
from storage.places.place import CannotWrite
from storage.places.retry import StorageUnavailable
from tasks.board.bridge_roster import Outcome
from tasks.broker.broker_url import BrokerUnreachable
from workers.bridge.batch_writer import BatchWriter, ClaimedElsewhere, ReadMessage
from workers.bridge.bridge_status import BridgeStatus

_STORING = 4  # batches on their way to the place at once
_LOOK_EVERY = 0.1
_AT_A_LOOK = 1000  # messages from the inbox
_FIRST_REST = 1.0  # seconds between two attempts at a stream that ended; doubled each time
_LONGEST_REST = 60.0
_SURE_SECONDS = 2.0  # that a stream after one that ended has to last before it is said to be well
# without a look at what there is to do; what storage and broker are given is less
_STUCK_SECONDS = 300.0
_AWAY = (RedisError, BrokerUnreachable, StorageUnavailable, CannotWrite)  # no message's fault
# for which messages are held then: handed back at once, all that wait would come in their place
_AWAY_SECONDS = 5.0
_NOBODY = ""  # the key of messages that are no feedback of any customer; no customer has this name

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _ReceivedMessage:
    """A received message, and what it says."""

    received: ReceivedMessage
    content: MessageFeedback | RejectedMessage


class PullLoop:
    """Pulls messages until it is stopped; then it stores and acknowledges what it holds."""

    def __init__(
        self,
        standing: BridgeStatus,
        subscription: Subscription,
        known: Callable[[str], bool],
        taking_in: BatchWriter,
        gatherer: Batcher[_ReceivedMessage],
    ) -> None:
        """`known`: whether feedback of a customer of this name is expected."""
        self.standing, self._subscription, self._known = standing, subscription, known
        self._taking_in, self._gatherer, self._seconds = taking_in, gatherer, gatherer.seconds
        self._inbox: SimpleQueue[ReceivedMessage] = SimpleQueue()
        self._stopped, self._ended = Event(), Event()
        self._threads = [
            Thread(target=self._stream, name="stream"),
            Thread(target=self._gather, name="gather"),
        ]
        self._looked = {thread.name: monotonic() for thread in self._threads}

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Pull no more messages. It returns at once; see `join`."""
        self._stopped.set()

    def join(self) -> None:
        """Wait until all messages are stored and acknowledged, or released."""
        for thread in self._threads:
            thread.join()
        self._subscription.close()
        self.standing.remove()

    def failure(self) -> str | None:
        """Return why it no longer pulls, though it was not told to stop; None if it works."""
        if self._stopped.is_set():
            return None
        for thread in self._threads:
            if not thread.is_alive():
                return f"the thread {thread.name} has ended"
            silent = monotonic() - self._looked[thread.name]
            if silent > _STUCK_SECONDS:
                return f"the thread {thread.name} is at one thing for {silent:.0f} s"
        return None

    # The stream

    def _stream(self) -> None:
        """Keep a stream open until told to stop; after it no message arrives any more."""
        try:
            self._keep_open()
        finally:
            self._subscription.stop()
            self._ended.set()

    def _keep_open(self) -> None:
        """Open a stream again when it has ended, after a pause that grows."""
        rest = _FIRST_REST
        while not self._stopped.is_set():
            opened = monotonic()
            try:
                self._subscription.open(self._inbox.put)
                while not self._stopped.is_set():
                    if self.standing.state != "pulling" and (
                        not self.standing.error or self._has_lasted(opened)
                    ):
                        log.info("pulls from %s", self._subscription.name)
                        self.standing.set_state("pulling")
                    self._subscription.wait(_LOOK_EVERY)
                    self._beat()
            except PullStopped as error:
                if monotonic() - opened > _LONGEST_REST:
                    rest = _FIRST_REST
                log.warning("%s It is tried again in %.0f s", error, rest)
                self.standing.set_state("waiting", str(error))
                self._rest(rest)
                rest = min(_LONGEST_REST, 2 * rest)

    def _has_lasted(self, opened: float) -> bool:
        """Return whether a stream that follows an ended one works.

        One of a deleted subscription opens too, and ends at once.
        """
        return monotonic() - opened > _SURE_SECONDS

    def _rest(self, seconds: float) -> None:
        end = monotonic() + seconds
        while monotonic() < end and not self._stopped.wait(_LOOK_EVERY):
            self._beat()

    def _beat(self) -> None:
        self._looked["stream"] = monotonic()
        jobs = self.standing.heartbeat()
        if jobs is not None:
            self._gatherer.seconds = batch_wait(self._seconds, jobs)

    # Gathering

    def _gather(self) -> None:
        """Gather the inbox into batches, until the stream has ended and both are empty."""
        with ThreadPoolExecutor(_STORING, thread_name_prefix="store") as storing:
            while not (self._ended.is_set() and self._inbox.empty()):
                self._looked["gather"] = monotonic()
                due = self._gatherer.next_due()
                wait = _LOOK_EVERY if due is None else min(_LOOK_EVERY, max(0.0, due - monotonic()))
                for received in self._arrived(wait):
                    batch = self._add(received)
                    if batch is not None:
                        storing.submit(self._store, batch)
                for batch in self._gatherer.due(monotonic()):
                    storing.submit(self._store, batch)
            for batch in self._gatherer.flush():
                storing.submit(self._store, batch)

    def _arrived(self, seconds: float) -> Iterator[ReceivedMessage]:
        """Return what arrives in the inbox within so many seconds, and no later than the next due
        batch.
        """
        with suppress(Empty):
            yield self._inbox.get(timeout=seconds)
            for _ in range(_AT_A_LOOK):
                yield self._inbox.get_nowait()

    def _add(self, received: ReceivedMessage) -> MessageBatch[_ReceivedMessage] | None:
        """Gather a message; return the batch that it fills, if it does."""
        self.standing.add_held(1)
        try:
            content = parse_message(received.message, self._known)
        except Exception as error:  # whatever a storage raises that is asked for customers
            self._release(_NOBODY, [received], error)
            return None
        key = content.customer if isinstance(content, MessageFeedback) else _NOBODY
        return self._gatherer.add(key, _ReceivedMessage(received, content), monotonic())

    # Storing

    def _store(self, batch: MessageBatch[_ReceivedMessage]) -> None:
        """Store a batch; release whatever could not be settled."""
        left = {id(one.received): one.received for one in batch.items}

        def settled(messages: Sequence[ReceivedMessage], outcome: Outcome) -> None:
            for one in messages:
                left.pop(id(one))
            self._settle(messages, outcome)

        try:
            contents = [(one.received, one.content) for one in batch.items]
            if batch.key == _NOBODY:
                self._taking_in.reject(
                    [(one, why) for one, why in contents if isinstance(why, RejectedMessage)],
                    settled,
                )
            else:
                self._taking_in.write(
                    batch.key,
                    [
                        ReadMessage(one, it)
                        for one, it in contents
                        if isinstance(it, MessageFeedback)
                    ],
                    settled,
                )
        # whatever storage, broker or registry raise: the messages are safe where they are
        except Exception as error:
            if isinstance(error, _AWAY):
                self._stopped.wait(_AWAY_SECONDS)
            self._release(batch.key, list(left.values()), error)
        else:
            self.standing.mark_stored(batch.key)

    def _settle(self, messages: Sequence[ReceivedMessage], outcome: Outcome) -> None:
        failed, outcomes = self._subscription.acknowledge(messages), {outcome: len(messages)}
        self.standing.remove_held(
            len(messages), outcomes | ({"not acknowledged": failed} if failed else {})
        )

    def _release(
        self, customer: str, messages: Sequence[ReceivedMessage], error: Exception
    ) -> None:
        log.warning(
            "%d messages are handed back: %s", len(messages), error, exc_info=not _expected(error)
        )
        self.standing.mark_failing(customer, error)
        self._subscription.release(messages)
        self.standing.remove_held(len(messages), {"handed back": len(messages)})


def _expected(error: Exception) -> bool:
    """Return whether the error's text is enough for the log."""
    return isinstance(error, ChorusError | ClaimedElsewhere | RedisError | StorageUnavailable)
