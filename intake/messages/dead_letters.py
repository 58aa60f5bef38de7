"""Dead letters: messages that cannot become feedback, published to a topic of their own or stored
below the root, in `rejected-messages/<day>/`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from intake.dataset.reject_file import RejectFile
from intake.messages.message import Message, RejectedMessage
from intake.messages.topic import (
    MAX_ATTRIBUTE_BYTES,
    MessageRefused,
    OutgoingMessage,
    Topic,
    TopicUnavailable,
)
from intake.readers.block import Reject
from storage.places.place import Place

_MAX_ATTRIBUTES = 100  # of one message

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeadLetter:
    """A message, and why it cannot become feedback."""

    message: Message
    rejection: RejectedMessage


class DeadLetters:
    """The destination of dead letters. A message that it has stored may be acknowledged."""

    def __init__(self, place: Place, topic: Topic | None) -> None:
        self._place, self._topic = place, topic

    def store(self, letters: Sequence[DeadLetter], name: str, now: datetime) -> None:
        """Publish the letters, or store them in a file of this name, which no other letters have.

        A topic that does not accept them must not hold up other messages: then they are stored.
        Raises what the place raises.
        """
        if self._topic is not None:
            try:
                self._topic.publish([_outgoing(letter) for letter in letters])
            except (TopicUnavailable, MessageRefused) as error:
                log.warning(
                    "%d dead letters are stored as rejects, because their topic failed: %s",
                    len(letters),
                    error,
                )
            else:
                return
        file = RejectFile()
        try:
            file.add([_reject(row, letter) for row, letter in enumerate(letters, 1)])
            self._place.create(
                f"rejected-messages/{now:%Y-%m-%d}/{name}.parquet", file.encode(), durable=True
            )
        finally:
            file.close()


def _outgoing(letter: DeadLetter) -> OutgoingMessage:
    """Return the message as it came, with the reason, and no more attributes than are allowed."""
    rejection, message = letter.rejection, letter.message
    detail = rejection.detail.encode()[:MAX_ATTRIBUTE_BYTES].decode(errors="ignore")
    added = {
        "chorus-reason": rejection.reason.value,
        "chorus-detail": detail,
        "chorus-message": message.message_id,
    }
    original = dict(list(message.attributes.items())[: _MAX_ATTRIBUTES - len(added)])
    return OutgoingMessage(message.data, original | added)


def _reject(row: int, letter: DeadLetter) -> Reject:
    return Reject(
        row,
        letter.rejection.id or letter.message.message_id,
        letter.rejection.reason,
        letter.rejection.detail,
        letter.message.raw,
    )
