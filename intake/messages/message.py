"""What a message of the main application says: feedback, or why it is none. Pure.

    {"id": "R-1042", "customer": "acme", "text": "Parcel came late.", "channel": "web"}

The attributes `id` and `customer` may say the same; one of the two places is enough
(docs/messages.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from intake.readers.block import Reason
from intake.readers.json_record import json_record

MOST_BYTES = 1 << 20  # of a body

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
class Feedback:
    """What a usable message says. Its id and its text were not looked at, but for their kind."""

    customer: str
    id: str  # the message's own where it says none
    text: str | None
    extra: tuple[tuple[str, str], ...]  # the other keys of the body


@dataclass(frozen=True)
class Unusable:
    """Why a message is no feedback of any customer."""

    reason: Reason
    detail: str
    id: str | None = None


class Conflict(ValueError):
    """Body and attributes say different things."""


def read(message: Message, known: Callable[[str], bool]) -> Feedback | Unusable:
    """What the message says; `known`: whether feedback of a customer of this name is expected."""
    if len(message.data) > MOST_BYTES:
        return Unusable(
            Reason.TOO_LARGE, f"it has {len(message.data)} bytes; at most {MOST_BYTES} are read"
        )
    try:
        body = message.data.decode()
    except UnicodeDecodeError as error:
        return Unusable(Reason.UNDECODABLE, f"byte {error.start} is no UTF-8")
    record = json_record(body, _TEXT, _ID)
    if isinstance(record, tuple):
        return Unusable(*record)
    said = dict(record.extra)
    try:
        id_ = _one(_ID, record.id, message.attributes.get(_ID)) or message.message_id
    except Conflict as error:
        return Unusable(Reason.BAD_ID, str(error))
    try:
        customer = _one(_CUSTOMER, said.pop(_CUSTOMER, None), message.attributes.get(_CUSTOMER))
    except Conflict as error:
        return Unusable(Reason.UNKNOWN_CUSTOMER, str(error), id_)
    if customer is None:
        return Unusable(
            Reason.UNKNOWN_CUSTOMER, "neither the body nor the attributes name one", id_
        )
    if not known(customer):
        return Unusable(
            Reason.UNKNOWN_CUSTOMER, f"nobody is called {customer[:80]!r}: see customers.toml", id_
        )
    return Feedback(customer, id_, record.text, tuple(said.items()))


def _one(what: str, body: str | None, attribute: str | None) -> str | None:
    """What the two say, of which either may be silent. Raises Conflict."""
    if body is not None and attribute is not None and body != attribute:
        raise Conflict(f"the body says {what} {body[:80]!r}, the attributes say {attribute[:80]!r}")
    return attribute if body is None else body
