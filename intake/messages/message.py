"""What a message of the main application says: feedback, or why it is none. Pure.

    {"id": "R-1042", "customer": "acme", "text": "Parcel came late.", "channel": "web"}

The attributes `id` and `customer` may say the same; one of the two places is enough
(docs/messages.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from intake.readers.block import RejectReason
from intake.readers.json_record import parse_json_record

MAX_BODY_BYTES = 1 << 20  # of a body

_TEXT, _ID, _CUSTOMER = "text", "id", "customer"


@dataclass(frozen=True)
class Message:
    """A message as it came."""

    data: bytes
    attributes: Mapping[str, str]
    message_id: str  # what the service calls it; a message that is delivered again keeps it

    @property
    def raw(self) -> str:
        """The body for people; bytes that are no UTF-8 become lone surrogates."""
        return self.data.decode(errors="surrogateescape")


@dataclass(frozen=True)
class MessageFeedback:
    """What a usable message says. Its id and its text were not looked at, but for their kind."""

    customer: str
    id: str  # the message's own where it says none
    text: str | None
    extra: tuple[tuple[str, str], ...]  # the other keys of the body


@dataclass(frozen=True)
class RejectedMessage:
    """Why a message is no feedback of any customer."""

    reason: RejectReason
    detail: str
    id: str | None = None


class ConflictingValues(ValueError):
    """Body and attributes say different things."""


def parse_message(
    message: Message, is_customer: Callable[[str], bool]
) -> MessageFeedback | RejectedMessage:
    """What the message says; `known`: whether feedback of a customer of this name is expected."""
    if len(message.data) > MAX_BODY_BYTES:
        return RejectedMessage(
            RejectReason.TOO_LARGE,
            f"it has {len(message.data)} bytes; at most {MAX_BODY_BYTES} are read",
        )
    try:
        body = message.data.decode()
    except UnicodeDecodeError as error:
        return RejectedMessage(RejectReason.UNDECODABLE, f"byte {error.start} is no UTF-8")
    record = parse_json_record(body, _TEXT, _ID)
    if isinstance(record, tuple):
        return RejectedMessage(*record)
    said = dict(record.extra)
    try:
        id_ = _one(_ID, record.id, message.attributes.get(_ID)) or message.message_id
    except ConflictingValues as error:
        return RejectedMessage(RejectReason.BAD_ID, str(error))
    try:
        customer = _one(_CUSTOMER, said.pop(_CUSTOMER, None), message.attributes.get(_CUSTOMER))
    except ConflictingValues as error:
        return RejectedMessage(RejectReason.UNKNOWN_CUSTOMER, str(error), id_)
    if customer is None:
        return RejectedMessage(
            RejectReason.UNKNOWN_CUSTOMER, "neither the body nor the attributes name one", id_
        )
    if not is_customer(customer):
        return RejectedMessage(
            RejectReason.UNKNOWN_CUSTOMER,
            f"nobody is called {customer[:80]!r}: see customers.toml",
            id_,
        )
    return MessageFeedback(customer, id_, record.text, tuple(said.items()))


def _one(what: str, body: str | None, attribute: str | None) -> str | None:
    """What the two say, of which either may be silent. Raises Conflict."""
    if body is not None and attribute is not None and body != attribute:
        raise ConflictingValues(
            f"the body says {what} {body[:80]!r}, the attributes say {attribute[:80]!r}"
        )
    return attribute if body is None else body
