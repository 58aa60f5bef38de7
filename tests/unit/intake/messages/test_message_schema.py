"""docs/message.schema.json describes what the reader of messages accepts."""

import json

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intake.messages.batch import validate_messages
from intake.messages.message import Message, MessageFeedback, parse_message
from tests.support.repository import REPOSITORY

SCHEMA = jsonschema.Draft202012Validator(
    json.loads((REPOSITORY / "docs" / "message.schema.json").read_text())
)
MISSING = object()  # the key is missing


def usable(body):
    """Return whether a message with this body becomes feedback."""
    data = json.dumps(body).encode()
    feedback = parse_message(Message(data, {}, "m-7"), {"acme"}.__contains__)
    return (
        isinstance(feedback, MessageFeedback)
        and len(validate_messages([feedback], [data.decode()], 1000)[0]) == 1
    )


letters = st.characters(codec="utf-8")
edges = st.text(
    st.sampled_from("a \t\n\x00\x07\x1b\x1f\x7f\x85\x9f\xa0\u200b\u200d\u3000\ufeffé"), max_size=4
)
texts = (
    st.text(letters, max_size=20)
    | edges
    | st.sampled_from([MISSING, None, 5, True, ["a"], {"a": 1}])
)
# White space around an id is removed, so that the schema and the reader differ there.
ids = (st.text(letters, max_size=20) | edges).filter(
    lambda id_: id_ == id_.strip() or not id_.strip()
) | st.sampled_from(["a" * 256, "a" * 257, MISSING, None, 5, 5.5, True, ["a"], {"a": 1}])


@given(
    texts,
    ids,
    st.dictionaries(
        st.text(letters, max_size=5), st.none() | st.booleans() | st.text(letters), max_size=2
    ),
)
@example("fine", "", {})
@example("fine", " ", {})
@example("\u200b\ufeff", "r-1", {})
@example("\x85", "r-1", {})
def test_the_schema_and_the_reader_agree(text, id_, extra):
    values = {**extra, "customer": "acme", "text": text, "id": id_}
    body = {key: value for key, value in values.items() if value is not MISSING}
    assert SCHEMA.is_valid(body) == usable(body)


@pytest.mark.parametrize(
    "body", [[], "text", 5, None, {"customer": "acme"}, {"text": "fine", "customer": ["acme"]}]
)
def test_schema_and_reader_refuse_other_values(body):
    assert not SCHEMA.is_valid(body)
    assert not usable(body)


def test_the_example_in_the_documentation_is_valid():
    page = (REPOSITORY / "docs" / "messages.md").read_text()
    shown = json.loads(
        page.partition("## What a message holds")[2].partition("```json\n")[2].partition("```")[0]
    )
    SCHEMA.validate(shown)
    assert usable(shown)
