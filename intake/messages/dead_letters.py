"""Where messages go that are no feedback: to a topic of their own, or below the root,
`rejected-messages/<day>/`.
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

_MOST_ATTRIBUTES = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeadLetter:
    """A message, and why it is no feedback."""

    message: Message
    rejection: RejectedMessage


class DeadLetters:
    """Takes what cannot be used; afterwards it may be acknowledged."""

    def __init__(self, place: Place, topic: Topic | None) -> None:
        self._place, self._topic = place, topic

    def store(self, letters: Sequence[DeadLetter], name: str, now: datetime) -> None:
        """Keep them, under a name that no other letters have. Raises what the place raises.

        A topic that does not take them is no reason to hold up the messages that are well.
        """
        if self._topic is not None:
            try:
                self._topic.publish([_outgoing(letter) for letter in letters])
            except (TopicUnavailable, MessageRefused) as error:
                log.warning("%d dead letters go to the rejects instead: %s", len(letters), error)
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
    """As it came, with the reason. The service takes a hundred attributes."""
    why, message = letter.rejection, letter.message
    detail = why.detail.encode()[:MAX_ATTRIBUTE_BYTES].decode(errors="ignore")
    ours = {
        "chorus-reason": why.reason.value,
        "chorus-detail": detail,
        "chorus-message": message.message_id,
    }
    theirs = dict(list(message.attributes.items())[: _MOST_ATTRIBUTES - len(ours)])
    return OutgoingMessage(message.data, theirs | ours)


def _reject(row: int, letter: DeadLetter) -> Reject:
    return Reject(
        row,
        letter.rejection.id or letter.message.message_id,
        letter.rejection.reason,
        letter.rejection.detail,
        letter.message.raw,
    )
