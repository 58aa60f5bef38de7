"""A batch of messages as a dataset: the first to create its chunk decides whether it is stored."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.messages import batch
from intake.messages.message import MessageFeedback
from intake.readers.block import RejectReason
from storage.names import is_name
from storage.records import feedback
from storage.records.feedback import FirstLabels
from storage.records.labelled_output import EnsembleVersion, ModelVersion

NAME = "messages-20260102-030405-000006-0a1b2c3d"
FIRST = FirstLabels(
    ensemble=EnsembleVersion(name="moods", version=1),
    models=(ModelVersion(name="bow", version=1, digest="d"),),
    results=None,
)


def messages(*texts):
    return [
        MessageFeedback("acme", f"r{number}", text, (("at", str(number)),))
        for number, text in enumerate(texts)
    ]


def chunk(*texts):
    table, rejects = batch.validate_messages(messages(*texts), texts, 100)
    assert not rejects
    return table


@given(
    st.integers(0, 2**33).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(0, 999_999),
)
def test_the_name_of_a_batch_holds_its_time(second, microsecond):
    now = second.replace(microsecond=microsecond)
    name = batch.batch_name(now)
    assert is_name(name)
    assert batch.batch_time(name) == now
    assert batch.batch_name(now) != name


@pytest.mark.parametrize(
    "name", ["", "messages-", "57717b5d8d076f33" * 2, "messages-yesterday-0a1b2c3d"]
)
def test_other_names_have_no_batch_time(name):
    assert batch.batch_time(name) is None


def test_rejects_have_the_number_of_their_message():
    texts = ("fine", "  ", "x" * 101, "well")
    table, rejects = batch.validate_messages(
        [*messages(*texts), *messages("again")], [*texts, "again"], 100
    )
    assert table["id"].to_pylist() == ["r0", "r3"]
    assert [(reject.row, reject.reason) for reject in rejects] == [
        (2, RejectReason.NO_TEXT),
        (3, RejectReason.TOO_LONG),
        (5, RejectReason.DUPLICATE_ID),
    ]


def test_a_stored_batch_cannot_be_abandoned_and_storing_it_again_changes_nothing(place):
    table = chunk("fine", "well")
    assert batch.store_chunk(place, "acme", NAME, table)
    assert batch.store_chunk(place, "acme", NAME, table)
    assert not batch.abandon_batch(place, "acme", NAME)
    assert batch.read_batch(place, "acme", NAME).equals(table.cast(feedback.CHUNK))


def test_an_abandoned_batch_is_never_stored(place):
    assert batch.abandon_batch(place, "acme", NAME)
    assert not batch.store_chunk(place, "acme", NAME, chunk("fine"))
    assert batch.abandon_batch(place, "acme", NAME)
    assert batch.read_batch(place, "acme", NAME) is None
    assert feedback.datasets(place, "acme") == []


def test_the_dataset_follows_from_the_chunk_and_keeps_the_versions_it_was_created_with(place):
    batch.store_chunk(place, "acme", NAME, chunk("fine", "well"))
    read = batch.read_batch(place, "acme", NAME)
    first = batch.describe_dataset("acme", NAME, read, FIRST)
    assert (first.rows_in, first.rows, first.columns, first.chunks[0].chars) == (2, 2, ("at",), 8)
    assert first.uploaded_at == datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    assert batch.create_dataset(place, first) == first
    later = batch.describe_dataset(
        "acme", NAME, read, FIRST.model_copy(update={"results": "projects/p/topics/t"})
    )
    assert batch.create_dataset(place, later) == first
    assert feedback.datasets(place, "acme") == [first]
    assert feedback.read_texts(place, first, 0).to_pylist() == ["fine", "well"]
