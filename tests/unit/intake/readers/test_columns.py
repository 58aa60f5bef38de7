"""Which column holds the text, and which the id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.errors import UnreadableUpload
from intake.readers.columns import choose_columns, unique_columns


def chosen(
    columns: list[str], text: str | None = None, id_: str | None = None
) -> tuple[str, str | None]:
    found = choose_columns("file.csv", columns, text, id_)
    return columns[found.text], None if found.id is None else columns[found.id]


@pytest.mark.parametrize(
    "name",
    [
        "text",
        "Feedback",
        "COMMENT",
        "comments",
        "review",
        "response",
        "answer",
        "message",
        "body",
        "content",
        "verbatim",
        "tweet",
        "customer_feedback",
        "review-text",
        "reviewText",
        "feedback_text",
        "Customer_Comments",
        "survey_response",
        "open_text",
        "Review Text",
        "Survey  response",
        "open survey response",
        "customer review",
    ],
)
def test_usual_names_of_a_text_column_are_found(name: str) -> None:
    assert chosen(["date", name, "score"]) == (name, None)


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "ID",
        "_id",
        "uuid",
        "feedback_id",
        "Response-Id",
        "reviewId",
        "ticket_id",
        "comment_id",
        "row_id",
    ],
)
def test_usual_names_of_an_id_column_are_found(name: str) -> None:
    assert chosen(["when", "text", name]) == ("text", name)


def test_id_itself_wins_over_longer_names() -> None:
    assert chosen(["response_id", "text", "Id"]) == ("text", "Id")


@pytest.mark.parametrize("name", ["customer_id", "product_id", "user id", "idea", "paid"])
def test_a_column_that_repeats_from_row_to_row_is_not_taken_for_the_id(name: str) -> None:
    assert chosen([name, "text"]) == ("text", None)


@pytest.mark.parametrize(
    "name", ["response time", "comment_count", "review date", "text_length", "context"]
)
def test_a_column_about_the_text_is_not_the_text(name: str) -> None:
    assert chosen([name, "text"]) == ("text", None)


def test_the_exact_usual_name_wins_over_a_compound() -> None:
    assert chosen(["review text", "text"]) == ("text", None)


def test_two_candidates_are_listed() -> None:
    with pytest.raises(
        UnreadableUpload, match=r"'comment', 'review' could each be the text.*--text"
    ):
        chosen(["id", "comment", "review"])


def test_columns_are_listed_when_none_is_the_text() -> None:
    with pytest.raises(UnreadableUpload, match=r"its columns are 'a', 'b'.*--text"):
        chosen(["a", "b"])


def test_very_many_columns_are_listed_in_part() -> None:
    with pytest.raises(UnreadableUpload, match="'c29' and 70 more"):
        chosen([f"c{number}" for number in range(100)])


def test_columns_asked_for_are_taken() -> None:
    assert chosen(["text", "Note", "key"], "note", "KEY") == ("Note", "key")


def test_the_exact_spelling_wins() -> None:
    assert chosen(["Note", "note"], "note") == ("note", None)


@pytest.mark.parametrize(
    ("text", "id_", "option"), [("nope", None, "--text"), (None, "nope", "--id")]
)
def test_an_absent_column_asked_for_is_an_error_with_the_columns(
    text: str | None, id_: str | None, option: str
) -> None:
    with pytest.raises(
        UnreadableUpload, match=f"no column 'nope'; its columns are 'text', 'key'.*{option}"
    ):
        chosen(["text", "key"], text, id_)


def test_a_repeated_name_asked_for_is_an_error() -> None:
    with pytest.raises(UnreadableUpload, match="2 columns named 'note'"):
        chosen(["note", "note"], "note")


def test_one_column_cannot_be_both() -> None:
    with pytest.raises(UnreadableUpload, match="both as text and as id"):
        chosen(["text", "key"], "text", "text")


@given(st.lists(st.sampled_from(["", " ", "a", "a_2", "a_3", "b", "column_1", "column_2"])))
def test_unique_columns_differ_and_keep_what_differs_already(columns: list[str]) -> None:
    fixed = unique_columns(columns)
    assert len(fixed) == len(columns)
    assert len(set(fixed)) == len(fixed)
    assert all(
        fixed[at] == name
        for at, name in enumerate(columns)
        if name.strip() and columns.count(name) == 1
    )
