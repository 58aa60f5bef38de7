"""The feedback in a message, or why it is rejected."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.messages.message import (
    MAX_BODY_BYTES,
    Message,
    MessageFeedback,
    RejectedMessage,
    parse_message,
)
from intake.readers.block import RejectReason

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def parsed(body, customers=("acme",), **attributes):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_message(Message(data, attributes, "m-7"), customers.__contains__)


@given(
    text,
    text,
    st.dictionaries(
        text.filter(lambda key: key not in ("id", "text", "customer")), text, max_size=4
    ),
)
def test_all_keys_of_the_body_are_kept(id_, words, extra):
    feedback = parsed({"id": id_, "customer": "acme", "text": words, **extra})
    assert feedback == MessageFeedback("acme", id_, words, tuple(extra.items()))


@given(text)
def test_customer_and_id_may_come_as_attributes(id_):
    assert parsed({"text": "fine"}, id=id_, customer="acme") == MessageFeedback(
        "acme", id_, "fine", ()
    )
    assert (
        parsed({"text": "fine", "id": id_, "customer": "acme"}, id=id_, customer="acme").id == id_
    )


def test_a_message_without_an_id_gets_that_of_the_service():
    assert parsed({"text": "fine", "customer": "acme"}).id == "m-7"


def test_numbers_are_ids_and_other_values_are_kept_as_json():
    feedback = parsed(
        {
            "id": 12.0,
            "customer": "acme",
            "text": "fine",
            "tags": ["a", 1],
            "nothing": None,
            "stars": 4,
        }
    )
    assert feedback == MessageFeedback("acme", "12", "fine", (("tags", '["a", 1]'), ("stars", "4")))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no json", RejectReason.NOT_AN_OBJECT),
        (b"[1]", RejectReason.NOT_AN_OBJECT),
        (b"", RejectReason.NOT_AN_OBJECT),
        (b'{"text": "\xff"}', RejectReason.UNDECODABLE),
        (b'{"text": "\\ud800", "customer": "acme"}', RejectReason.UNDECODABLE),
        (b" " * (MAX_BODY_BYTES + 1), RejectReason.TOO_LARGE),
        (b'{"id": true, "text": "a", "customer": "acme"}', RejectReason.BAD_ID),
        (b'{"text": 7, "customer": "acme"}', RejectReason.NO_TEXT),
        (b'{"text": "a"}', RejectReason.UNKNOWN_CUSTOMER),
        (b'{"text": "a", "customer": "../evil"}', RejectReason.UNKNOWN_CUSTOMER),
        (b'{"text": "a", "customer": ["acme"]}', RejectReason.UNKNOWN_CUSTOMER),
    ],
)
def test_a_rejected_message_has_a_reason(body, reason):
    assert parsed(body).reason is reason


def test_values_that_are_nested_too_deeply_are_rejected():
    """Also where they can be read and not written again."""
    for depth in range(900, 1010):
        feedback = parsed(
            b'{"id": "a", "text": "a", "customer": "acme", "deep": %s%s}'
            % (b"[" * depth, b"]" * depth)
        )
        assert (
            isinstance(feedback, MessageFeedback) or feedback.reason is RejectReason.NOT_AN_OBJECT
        )


def test_contradicting_body_and_attributes_are_rejected():
    assert (
        parsed({"id": "a", "text": "x", "customer": "acme"}, id="b").reason is RejectReason.BAD_ID
    )
    assert (
        parsed({"text": "x", "customer": "acme"}, customer="plain").reason
        is RejectReason.UNKNOWN_CUSTOMER
    )


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_no_body_raises_an_error(body):
    data = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    assert isinstance(
        parse_message(Message(data, {}, "m"), lambda _: True), MessageFeedback | RejectedMessage
    )
