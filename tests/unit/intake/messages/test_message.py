"""What a message says, or why it is no feedback."""

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


def said(body, customers=("acme",), **attributes):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_message(Message(data, attributes, "m-7"), customers.__contains__)


@given(
    text,
    text,
    st.dictionaries(
        text.filter(lambda key: key not in ("id", "text", "customer")), text, max_size=4
    ),
)
def test_all_that_the_body_says_is_kept(id_, words, extra):
    found = said({"id": id_, "customer": "acme", "text": words, **extra})
    assert found == MessageFeedback("acme", id_, words, tuple(extra.items()))


@given(text)
def test_attributes_may_say_who_and_which(id_):
    assert said({"text": "fine"}, id=id_, customer="acme") == MessageFeedback(
        "acme", id_, "fine", ()
    )
    assert said({"text": "fine", "id": id_, "customer": "acme"}, id=id_, customer="acme").id == id_


def test_a_message_without_an_id_has_the_one_that_the_service_gave_it():
    assert said({"text": "fine", "customer": "acme"}).id == "m-7"


def test_numbers_are_ids_and_other_values_are_kept_as_json():
    found = said(
        {
            "id": 12.0,
            "customer": "acme",
            "text": "fine",
            "tags": ["a", 1],
            "nothing": None,
            "stars": 4,
        }
    )
    assert found == MessageFeedback("acme", "12", "fine", (("tags", '["a", 1]'), ("stars", "4")))


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
def test_what_cannot_be_used_has_a_reason(body, reason):
    assert said(body).reason is reason


def test_values_that_lie_too_deep_in_each_other_are_a_reason_too():
    """Also where they can just be read, and not written again."""
    for depth in range(900, 1010):
        found = said(
            b'{"id": "a", "text": "a", "customer": "acme", "deep": %s%s}'
            % (b"[" * depth, b"]" * depth)
        )
        assert isinstance(found, MessageFeedback) or found.reason is RejectReason.NOT_AN_OBJECT


def test_body_and_attributes_that_contradict_each_other_are_not_guessed_at():
    assert said({"id": "a", "text": "x", "customer": "acme"}, id="b").reason is RejectReason.BAD_ID
    assert (
        said({"text": "x", "customer": "acme"}, customer="plain").reason
        is RejectReason.UNKNOWN_CUSTOMER
    )


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_no_body_is_an_accident(body):
    data = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    assert isinstance(
        parse_message(Message(data, {}, "m"), lambda _: True), MessageFeedback | RejectedMessage
    )
