"""A message of the main application: feedback, or the reason why it is rejected. Pure.

    {"id": "R-1042", "customer": "acme", "text": "Parcel came late.", "channel": "web"}

`id` and `customer` may come as attributes instead; one of the two places is enough
(docs/messages.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from intake.readers.block import RejectReason
from intake.readers.json_record import parse_json_record

MAX_BODY_BYTES = 1 << 20

_TEXT, _ID, _CUSTOMER = "text", "id", "customer"


@dataclass(frozen=True)
class Message:
    """A message as it came."""

    data: bytes
    attributes: Mapping[str, str]
    message_id: str  # the service's id; a message that is delivered again keeps it

    @property
    def raw(self) -> str:
        """The body for people; bytes that are not UTF-8 become lone surrogates."""
        return self.data.decode(errors="surrogateescape")


@dataclass(frozen=True)
class MessageFeedback:
    """The feedback in a message. Of id and text only the types were checked."""

    customer: str
    id: str  # the service's id of the message if the message has none
    text: str | None
    extra: tuple[tuple[str, str], ...]  # the other keys of the body


@dataclass(frozen=True)
class RejectedMessage:
    """The reason why a message is not feedback of any customer."""

    reason: RejectReason
    detail: str
    id: str | None = None


class ConflictingValues(ValueError):
    """The body and the attributes of a message contradict each other."""


def parse_message(
    message: Message, is_customer: Callable[[str], bool]
) -> MessageFeedback | RejectedMessage:
    """Return the feedback in the message, or why it is rejected.

    `is_customer`: whether feedback of a customer of this name is expected.
    """
    if len(message.data) > MAX_BODY_BYTES:
        detail = f"it has {len(message.data)} bytes; at most {MAX_BODY_BYTES} are read"
        return RejectedMessage(RejectReason.TOO_LARGE, detail)
    try:
        body = message.data.decode()
    except UnicodeDecodeError as error:
        return RejectedMessage(RejectReason.UNDECODABLE, f"it is not UTF-8 at byte {error.start}")
    record = parse_json_record(body, (_TEXT,), _ID)
    if isinstance(record, tuple):
        return RejectedMessage(*record)
    extra = dict(record.extra)
    try:
        id_ = _agreed_value(_ID, record.id, message.attributes.get(_ID)) or message.message_id
    except ConflictingValues as error:
        return RejectedMessage(RejectReason.BAD_ID, str(error))
    try:
        customer = _agreed_value(
            _CUSTOMER, extra.pop(_CUSTOMER, None), message.attributes.get(_CUSTOMER)
        )
    except ConflictingValues as error:
        return RejectedMessage(RejectReason.UNKNOWN_CUSTOMER, str(error), id_)
    if customer is None:
        detail = "neither the body nor the attributes name one"
        return RejectedMessage(RejectReason.UNKNOWN_CUSTOMER, detail, id_)
    if not is_customer(customer):
        detail = f"no customer is called {customer[:80]!r}: see customers.toml"
        return RejectedMessage(RejectReason.UNKNOWN_CUSTOMER, detail, id_)
    return MessageFeedback(customer, id_, record.text, tuple(extra.items()))


def _agreed_value(key: str, body: str | None, attribute: str | None) -> str | None:
    """Return the value of a key that body and attributes may have. Raises ConflictingValues."""
    if body is not None and attribute is not None and body != attribute:
        raise ConflictingValues(
            f"the body says {key} {body[:80]!r}, the attributes say {attribute[:80]!r}"
        )
    return attribute if body is None else body
