"""Columns of an export: each has a name of its own, and the same columns get the same names."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.export.flat_columns import TargetLabels, caller_names, result_columns

MOOD = TargetLabels("mood", "one_of", ("bad", "good"))
TOPICS = TargetLabels("topics", "any_of", ("delivery", "price"))

words = st.sampled_from(["a", "A", "b", "score", "agreement", "label_a", "a_2", "needs_review"])
targets = st.lists(
    st.builds(
        TargetLabels,
        st.sampled_from(["a", "b", "a_b", "a_score", "reject_reason"]),
        st.sampled_from(["one_of", "any_of"]),
        st.lists(words, unique=True).map(tuple),
    ),
    unique_by=lambda target: target.name,
)


def names(*targets, prefix=""):
    return [column.name for column in result_columns(targets, prefix)]


def test_each_target_has_its_label_its_agreement_and_a_column_for_every_label():
    assert names(MOOD, TOPICS) == [
        *("mood", "mood_score", "mood_agreement", "mood_needs_review", "mood_bad", "mood_good"),
        *("topics", "topics_agreement", "topics_needs_review", "topics_delivery", "topics_price"),
        *("agreement", "needs_review", "scored_at"),
        *("reject_reason", "reject_detail", "reject_record"),
    ]


def test_a_prefix_stands_before_every_name():
    assert names(MOOD, prefix="comment_") == [f"comment_{name}" for name in names(MOOD)]


def test_a_label_never_takes_the_name_of_another_column():
    target = TargetLabels("mood", "one_of", ("score", "agreement", "Good", "good"))
    assert names(target)[4:8] == [
        "mood_label_score",
        "mood_label_agreement",
        "mood_Good",
        "mood_label_good",
    ]


@given(targets, st.sampled_from(["", "comment_"]))
def test_no_two_columns_have_one_name_whatever_its_case(some, prefix):
    found = names(*some, prefix=prefix)
    assert len({name.casefold() for name in found}) == len(found)


@given(st.lists(st.sampled_from(["id", "mood", "Mood", "upload_mood", "MOOD_bad"]), unique=True))
def test_a_column_of_the_caller_keeps_its_name_unless_labels_have_it(columns):
    taken = names(MOOD)
    given_names = caller_names(columns, taken)
    assert len(set(given_names)) == len(columns)
    folded = {name.casefold() for name in taken}
    assert not folded.intersection(name.casefold() for name in given_names)
    for column, name in zip(columns, given_names, strict=True):
        assert name.endswith(column)
        assert (name == column) == (column.casefold() not in folded)
