"""Result messages: for any ids, labels and probabilities, a reader gets what the part has."""

import json
import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jsonschema import Draft202012Validator

from ensemble.combine import Vote, soft_vote
from ensemble.rows import labelled_rows
from ensemble.spec import Member, Target
from storage.records.feedback import REJECTS
from storage.records.jobs import Job
from storage.records.labelled_output import EnsembleVersion, ModelVersion
from storage.tables import decode_parquet, encode_parquet
from tasks.steps.result_format import (
    NotFinite,
    columns_to_read,
    labelled_messages,
    rejected_messages,
)
from tests.support.repository import REPOSITORY

SCHEMA = Draft202012Validator(
    json.loads(REPOSITORY.joinpath("docs/result.schema.json").read_text())
)
PART = "part-00003.parquet"
JOB = Job(
    id="job1",
    customer="acme",
    dataset="upload",
    ensemble=EnsembleVersion(name="moods", version=2),
    models=(
        ModelVersion(name="bow", version=7, digest="x"),
        ModelVersion(name="minilm", version=1, digest="y"),
    ),
    out="/labelled/job1",
    keep_text=True,
    keep_columns=False,
    submitted_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
VERSIONS = {"ensemble": {"name": "moods", "version": 2}, "models": {"bow": 7, "minilm": 1}}
TARGETS = tuple(
    Target(name=name, mode=mode, members=(Member(model=model),))
    for name, mode, model in (("mood", "one_of", "bow"), ("topics", "any_of", "minilm"))
)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@st.composite
def parts(draw):
    """Draw labelled rows as they are read from a part, with their ids and answers."""
    ids = draw(st.lists(texts, max_size=5))
    rows = len(ids)
    answers = {}
    for target in TARGETS:
        names = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
        probabilities = st.floats(0, 1, width=32)
        values = draw(hnp.arrays(np.float32, (rows, len(names)), elements=probabilities))
        answers[target.name] = soft_vote(target.mode, [Vote(1.0, tuple(names), values)])
    chunk = pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "text": pa.array(ids, pa.string()),
            "extra": pa.nulls(rows),
        }
    )
    table = labelled_rows(
        chunk,
        JOB.customer,
        answers,
        review_below=0.5,
        scored_at=JOB.submitted_at,
        keep_text=True,
        columns=(),
    )
    return decode_parquet(encode_parquet(table), columns_to_read(TARGETS)), ids, answers


def labels_of(answer, row):
    labels = [
        label for label, chosen in zip(answer.labels, answer.chosen[row], strict=True) if chosen
    ]
    return labels[0] if answer.mode == "one_of" else labels


def test_the_documented_schema_is_a_valid_schema():
    Draft202012Validator.check_schema(SCHEMA.schema)
    rejected = {"id": "a", "customer": "acme", "job": "job1", "versions": VERSIONS}
    rejected["rejected"] = {"reason": "model failed", "detail": "why"}
    assert SCHEMA.is_valid(rejected)
    assert not SCHEMA.is_valid(rejected | {"part": "/x", "row": 0})


def test_the_example_in_the_documentation_is_a_result():
    page = REPOSITORY.joinpath("docs/messages.md").read_text()
    [example] = re.findall(r'^    (\{"id".*?"scored_at".*?\})$', page, re.DOTALL | re.MULTILINE)
    SCHEMA.validate(json.loads(example))


@settings(max_examples=60)
@given(parts())
def test_a_reader_gets_what_the_part_has(part):
    rows, ids, answers = part
    messages = labelled_messages(JOB, TARGETS, PART, rows, 0)
    assert len(messages) == len(ids)
    for row, (id_, message) in enumerate(zip(ids, messages, strict=True)):
        result = json.loads(message.data, parse_constant=pytest.fail)
        SCHEMA.validate(result)
        assert (result["id"], result["customer"], result["job"], result["versions"]) == (
            id_,
            "acme",
            "job1",
            VERSIONS,
        )
        assert result["scored_at"] == "2026-01-02T03:04:05Z"
        for target, answer in answers.items():
            assert result["labels"][target] == labels_of(answer, row)
            scores = result["scores"][target]
            assert tuple(scores) == answer.labels
            assert [np.float32(score) for score in scores.values()] == answer.probabilities[
                row
            ].tolist()
        assert np.float32(result["agreement"]) == rows["agreement"][row].as_py()
        assert result["needs_review"] == rows["needs_review"][row].as_py()
        assert message.attributes == {
            "result": f"job1/part-00003/{row}",
            "customer": "acme",
            "job": "job1",
            "id": id_,
        }


@settings(max_examples=40)
@given(parts(), st.integers(0, 5))
def test_a_row_makes_the_same_message_whatever_rows_are_published_with_it(part, cut):
    rows, _, _ = part
    whole = labelled_messages(JOB, TARGETS, PART, rows, 0)
    cut = min(cut, len(rows))
    first, second = (rows.slice(0, cut), 0), (rows.slice(cut), cut)
    assert [
        one
        for part_rows, number in (first, second)
        for one in labelled_messages(JOB, TARGETS, PART, part_rows, number)
    ] == (whole)


@settings(max_examples=40)
@given(parts(), st.integers(200, 1200))
def test_a_result_that_is_too_large_names_its_part_and_row_instead(part, max_bytes):
    rows, ids, _ = part
    whole = labelled_messages(JOB, TARGETS, PART, rows, 10)
    for row, (id_, full, message) in enumerate(
        zip(ids, whole, labelled_messages(JOB, TARGETS, PART, rows, 10, max_bytes), strict=True), 10
    ):
        assert message.attributes == full.attributes
        if len(full.data) <= max_bytes:
            assert message == full
            continue
        result = json.loads(message.data)
        SCHEMA.validate(result)
        assert result == {
            "id": id_,
            "customer": "acme",
            "job": "job1",
            "part": f"/labelled/job1/{PART}",
            "row": row,
            "versions": VERSIONS,
        }


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_the_message_of_a_rejected_feedback_has_the_reason(rejects):
    rows = pa.table(
        {
            "row": range(len(rejects)),
            "id": [id_ for id_, _ in rejects],
            "reason": ["model failed"] * len(rejects),
            "detail": [detail for _, detail in rejects],
            "raw": [None] * len(rejects),
        },
        schema=REJECTS,
    )
    messages = rejected_messages(JOB, "_rejects-00003.parquet", rows, 0)
    for row, ((id_, detail), message) in enumerate(zip(rejects, messages, strict=True)):
        result = json.loads(message.data)
        SCHEMA.validate(result)
        assert result == {
            "id": id_,
            "customer": "acme",
            "job": "job1",
            "rejected": {"reason": "model failed", "detail": detail},
            "versions": VERSIONS,
        }
        assert message.attributes["result"] == f"job1/_rejects-00003/{row}"


@pytest.mark.parametrize(("id_", "fits"), [("é" * 512, True), ("é" * 512 + "a", False)])
def test_an_id_too_long_for_an_attribute_is_only_in_the_data(id_, fits):
    rows = pa.table({"id": [id_], "reason": ["model failed"], "detail": ["why"]})
    [message] = rejected_messages(JOB, "_rejects-00000.parquet", rows, 0)
    assert json.loads(message.data)["id"] == id_
    assert message.attributes.get("id") == (id_ if fits else None)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, None])
def test_a_part_with_a_probability_that_is_not_finite_is_not_published(wrong):
    rows = pa.table(
        {
            "id": ["a"],
            "mood": ["good"],
            "mood_probabilities": pa.array([{"good": wrong}], pa.struct({"good": pa.float32()})),
            "agreement": pa.array([1], pa.float32()),
            "needs_review": [False],
        }
    )
    with pytest.raises(NotFinite, match=r"part-00003\.parquet has a value in mood_probabilities"):
        labelled_messages(JOB, TARGETS[:1], PART, rows, 0)
