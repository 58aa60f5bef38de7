"""The pull loop: messages become stored batches, and only then are they acknowledged.

    stream ──▶ inbox ──▶ batch of a customer ──▶ stored, its job started ──▶ acknowledged
                                             └─▶ no feedback: rejected, with the reason ──▶ same

The stream only fills the inbox. One thread adds messages to batches, a few threads store batches,
one each. Messages that cannot be stored now are released to the subscription. The flow control of
the stream limits how many messages are held.
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
from storage.log_text import log_text
from storage.places.place import CannotWrite
from storage.places.retry import StorageUnavailable
from tasks.board.bridge_roster import Outcome
from tasks.broker.broker_url import BrokerUnreachable
from workers.bridge.batch_writer import BatchWriter, ClaimedElsewhere, ReceivedFeedback
from workers.bridge.bridge_status import BridgeStatus

_STORE_THREADS = 4
_POLL_SECONDS = 0.1
_MAX_TAKEN = 1000  # messages from the inbox before due batches are stored
_MIN_BACKOFF = 1.0  # seconds between two attempts to open a stream; doubled each time
_MAX_BACKOFF = 60.0
# Seconds that a stream has to last after one that ended, before it counts as working.
_STABLE_SECONDS = 2.0
# Seconds without progress of a thread, after which it is stuck; storage and broker take less.
_STUCK_SECONDS = 300.0
_UNAVAILABLE = (RedisError, BrokerUnreachable, StorageUnavailable, CannotWrite)
# Seconds for which messages are held after such an error. If they were released at once, others
# would come in their place.
_UNAVAILABLE_SECONDS = 5.0
_NO_CUSTOMER = ""  # the key of rejected messages; no customer has this name

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _ParsedMessage:
    """A received message after parsing, with its feedback or the reason why it is rejected."""

    received: ReceivedMessage
    content: MessageFeedback | RejectedMessage


class PullLoop:
    """Pulls messages until it is stopped; then it stores and acknowledges those that it holds."""

    def __init__(
        self,
        status: BridgeStatus,
        subscription: Subscription,
        is_customer: Callable[[str], bool],
        writer: BatchWriter,
        batcher: Batcher[_ParsedMessage],
    ) -> None:
        """`is_customer`: whether feedback of a customer of this name is expected."""
        self.status, self._subscription, self._is_customer = status, subscription, is_customer
        self._writer, self._batcher, self._batch_seconds = writer, batcher, batcher.seconds
        self._inbox: SimpleQueue[ReceivedMessage] = SimpleQueue()
        self._stopped, self._stream_ended = Event(), Event()
        self._threads = [
            Thread(target=self._stream, name="stream"),
            Thread(target=self._gather, name="gather"),
        ]
        self._last_sign = {thread.name: monotonic() for thread in self._threads}

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
        self.status.remove()

    def failure(self) -> str | None:
        """Return why it stopped pulling although `stop` was not called; None while it works."""
        if self._stopped.is_set():
            return None
        for thread in self._threads:
            if not thread.is_alive():
                return f"the thread {thread.name} has ended"
            seconds = monotonic() - self._last_sign[thread.name]
            if seconds > _STUCK_SECONDS:
                return f"the thread {thread.name} has been stuck for {seconds:.0f} s"
        return None

    # The stream

    def _stream(self) -> None:
        """Keep a stream open until the loop is stopped; then no more messages arrive."""
        try:
            self._keep_open()
        finally:
            self._subscription.stop()
            self._stream_ended.set()

    def _keep_open(self) -> None:
        """Open a stream again when it has ended, after a pause that grows."""
        backoff = _MIN_BACKOFF
        while not self._stopped.is_set():
            opened_at = monotonic()
            try:
                self._subscription.open(self._inbox.put)
                while not self._stopped.is_set():
                    if self.status.state != "pulling" and (
                        not self.status.error or self._is_stable(opened_at)
                    ):
                        log.info("pulling from %s", self._subscription.name)
                        self.status.set_state("pulling")
                    self._subscription.wait(_POLL_SECONDS)
                    self._heartbeat()
            except PullStopped as error:
                if monotonic() - opened_at > _MAX_BACKOFF:
                    backoff = _MIN_BACKOFF
                log.warning("%s Trying again in %.0f s", error, backoff)
                self.status.set_state("waiting", str(error))
                self._wait(backoff)
                backoff = min(_MAX_BACKOFF, 2 * backoff)

    def _is_stable(self, opened_at: float) -> bool:
        """Return whether a stream that follows an ended one works.

        That of a deleted subscription opens too, and ends at once.
        """
        return monotonic() - opened_at > _STABLE_SECONDS

    def _wait(self, seconds: float) -> None:
        """Wait so many seconds, or until the loop is stopped."""
        end = monotonic() + seconds
        while monotonic() < end and not self._stopped.wait(_POLL_SECONDS):
            self._heartbeat()

    def _heartbeat(self) -> None:
        self._last_sign["stream"] = monotonic()
        jobs = self.status.heartbeat()
        if jobs is not None:
            self._batcher.seconds = batch_wait(self._batch_seconds, jobs)

    # Batches

    def _gather(self) -> None:
        """Add the inbox to batches, until the stream has ended and both are empty."""
        with ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="store") as pool:
            while not (self._stream_ended.is_set() and self._inbox.empty()):
                self._last_sign["gather"] = monotonic()
                for received in self._take_received(self._seconds_until_due()):
                    batch = self._add(received)
                    if batch is not None:
                        pool.submit(self._store, batch)
                for batch in self._batcher.due(monotonic()):
                    pool.submit(self._store, batch)
            for batch in self._batcher.flush():
                pool.submit(self._store, batch)

    def _seconds_until_due(self) -> float:
        """Return for how long to wait for messages: until the next batch is due, at most."""
        due = self._batcher.next_due()
        return _POLL_SECONDS if due is None else min(_POLL_SECONDS, max(0.0, due - monotonic()))

    def _take_received(self, seconds: float) -> Iterator[ReceivedMessage]:
        """Wait so many seconds for a message; yield it and others that have arrived by then."""
        with suppress(Empty):
            yield self._inbox.get(timeout=seconds)
            for _ in range(_MAX_TAKEN):
                yield self._inbox.get_nowait()

    def _add(self, received: ReceivedMessage) -> MessageBatch[_ParsedMessage] | None:
        """Add a message to its batch; return the batch if it is full now."""
        self.status.add_held(1)
        try:
            content = parse_message(received.message, self._is_customer)
        except Exception as error:  # whatever storage raises when customers are read
            self._release(_NO_CUSTOMER, [received], error)
            return None
        key = content.customer if isinstance(content, MessageFeedback) else _NO_CUSTOMER
        return self._batcher.add(key, _ParsedMessage(received, content), monotonic())

    def _store(self, batch: MessageBatch[_ParsedMessage]) -> None:
        """Store a batch; release the messages that could not be acknowledged."""
        remaining = {id(parsed.received): parsed.received for parsed in batch.items}

        def acknowledge(messages: Sequence[ReceivedMessage], outcome: Outcome) -> None:
            for message in messages:
                remaining.pop(id(message))
            self._acknowledge(messages, outcome)

        try:
            if batch.key == _NO_CUSTOMER:
                rejected = [
                    (parsed.received, parsed.content)
                    for parsed in batch.items
                    if isinstance(parsed.content, RejectedMessage)
                ]
                self._writer.reject(rejected, acknowledge)
            else:
                feedback = [
                    ReceivedFeedback(parsed.received, parsed.content)
                    for parsed in batch.items
                    if isinstance(parsed.content, MessageFeedback)
                ]
                self._writer.write(batch.key, feedback, acknowledge)
        except Exception as error:  # whatever storage, broker or registry raise
            if isinstance(error, _UNAVAILABLE):
                self._stopped.wait(_UNAVAILABLE_SECONDS)
            self._release(batch.key, list(remaining.values()), error)
        else:
            self.status.mark_stored(batch.key)

    def _acknowledge(self, messages: Sequence[ReceivedMessage], outcome: Outcome) -> None:
        unconfirmed = self._subscription.acknowledge(messages)
        outcomes: dict[Outcome, int] = {outcome: len(messages)}
        if unconfirmed:
            outcomes["not acknowledged"] = unconfirmed
        self.status.remove_held(len(messages), outcomes)

    def _release(
        self, customer: str, messages: Sequence[ReceivedMessage], error: Exception
    ) -> None:
        log.warning(
            "%d messages are released: %s",
            len(messages),
            log_text(error),
            exc_info=not _is_expected(error),
        )
        self.status.mark_failing(customer, error)
        self._subscription.release(messages)
        self.status.remove_held(len(messages), {"handed back": len(messages)})


def _is_expected(error: Exception) -> bool:
    """Return whether the error's text is enough for the log."""
    return isinstance(error, ChorusError | ClaimedElsewhere | RedisError | StorageUnavailable)
