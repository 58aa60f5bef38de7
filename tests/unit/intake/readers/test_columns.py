"""The choice of the text column and the id column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.errors import UnreadableUpload
from intake.readers.columns import ColumnRequest, choose_columns, unique_columns


def chosen_columns(
    columns: list[str], text: str | None = None, id_: str | None = None
) -> tuple[str, str | None]:
    positions = choose_columns("file.csv", columns, ColumnRequest((text,) if text else (), id_))
    return columns[positions.texts[0]], None if positions.id is None else columns[positions.id]


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
def test_usual_names_of_a_text_column_are_recognised(name: str) -> None:
    assert chosen_columns(["date", name, "score"]) == (name, None)


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
def test_usual_names_of_an_id_column_are_recognised(name: str) -> None:
    assert chosen_columns(["when", "text", name]) == ("text", name)


def test_id_itself_wins_over_longer_names() -> None:
    assert chosen_columns(["response_id", "text", "Id"]) == ("text", "Id")


@pytest.mark.parametrize("name", ["customer_id", "product_id", "user id", "idea", "paid"])
def test_a_column_whose_values_repeat_is_not_the_id_column(name: str) -> None:
    assert chosen_columns([name, "text"]) == ("text", None)


@pytest.mark.parametrize(
    "name", ["response time", "comment_count", "review date", "text_length", "context"]
)
def test_a_column_about_the_text_is_not_the_text_column(name: str) -> None:
    assert chosen_columns([name, "text"]) == ("text", None)


def test_the_exact_usual_name_wins_over_a_compound() -> None:
    assert chosen_columns(["review text", "text"]) == ("text", None)


def test_two_candidates_for_the_text_column_are_an_error_that_lists_them() -> None:
    with pytest.raises(
        UnreadableUpload, match=r"'comment', 'review' could each be the text.*--text"
    ):
        chosen_columns(["id", "comment", "review"])


def test_no_candidate_for_the_text_column_is_an_error_that_lists_the_columns() -> None:
    with pytest.raises(UnreadableUpload, match=r"its columns are 'a', 'b'.*--text"):
        chosen_columns(["a", "b"])


def refusal(columns: list[str], *rows: list[str]) -> str:
    with pytest.raises(UnreadableUpload) as caught:
        choose_columns("file.csv", columns, ColumnRequest(), lambda: rows)
    return str(caught.value)


def test_candidates_are_listed_with_their_first_value() -> None:
    message = refusal(["comment", "review"], ["", "Slow"], ["Great app", "Good"])
    assert "'comment' (such as 'Great app'), 'review' (such as 'Slow') could each be" in message


def test_the_only_column_with_sentences_is_named_as_likely_and_not_chosen() -> None:
    rows = [["1", "It is far too slow", "web"], ["2", "I like the new app", "app"]]
    assert "--text COLUMN; 'why' looks like it." in refusal(["key", "why", "channel"], *rows)
    assert "looks like" not in refusal(["why", "how"], ["It is too slow", "It was too slow"])
    assert "looks like" not in refusal(["key", "channel"], ["1", "web"])


def test_a_name_for_a_number_is_the_id_only_where_no_name_for_an_id_is() -> None:
    assert chosen_columns(["Nr", "text"]) == ("text", "Nr")
    assert chosen_columns(["Nr", "text", "Antwort-ID"]) == ("text", "Antwort-ID")
    assert chosen_columns(["#", "text"]) == ("text", "#")


def test_two_candidates_for_the_id_are_an_error_that_names_the_ways_out() -> None:
    message = refusal(["ticket_id", "response_id", "text"], ["7", "8", "fine"])
    assert "'ticket_id' (such as '7'), 'response_id' (such as '8') could each be" in message
    assert "--id COLUMN" in message
    assert "--no-id" in message


def test_only_some_of_very_many_columns_are_listed() -> None:
    with pytest.raises(UnreadableUpload, match="'c29' and 70 more"):
        chosen_columns([f"c{number}" for number in range(100)])


def test_requested_columns_are_chosen() -> None:
    assert chosen_columns(["text", "Note", "key"], "note", "KEY") == ("Note", "key")


def test_the_exact_spelling_wins() -> None:
    assert chosen_columns(["Note", "note"], "note") == ("note", None)


@pytest.mark.parametrize(
    ("text", "id_", "option"), [("nope", None, "--text"), (None, "nope", "--id")]
)
def test_a_requested_column_that_is_missing_is_an_error_that_lists_the_columns(
    text: str | None, id_: str | None, option: str
) -> None:
    with pytest.raises(
        UnreadableUpload, match=f"no column 'nope'; its columns are 'text', 'key'.*{option}"
    ):
        chosen_columns(["text", "key"], text, id_)


def test_a_requested_name_of_two_columns_is_an_error() -> None:
    with pytest.raises(UnreadableUpload, match="2 columns named 'note'"):
        chosen_columns(["note", "note"], "note")


def test_one_column_cannot_be_both_text_and_id() -> None:
    with pytest.raises(UnreadableUpload, match="both as text and as id"):
        chosen_columns(["text", "key"], "text", "text")


@given(st.lists(st.sampled_from(["", " ", "a", "a_2", "a_3", "b", "column_1", "column_2"])))
def test_unique_columns_differ_and_names_that_differed_stay(columns: list[str]) -> None:
    unique = unique_columns(columns)
    assert len(unique) == len(columns)
    assert len(set(unique)) == len(unique)
    assert all(
        unique[position] == name
        for position, name in enumerate(columns)
        if name.strip() and columns.count(name) == 1
    )


def test_without_ids_no_column_is_the_id_column_even_where_one_is_named_id() -> None:
    positions = choose_columns("file.csv", ["id", "text"], ColumnRequest(no_id=True))
    assert (positions.texts, positions.id) == ((1,), None)
