"""Which precision a transformer is computed in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.precision import LEAST_AGREEMENT, LEAST_ROWS, NotOffered, PrecisionCheck, choose
from models.quantize import same_labels


def check(precision, agreement=1.0, rows=LEAST_ROWS):
    return PrecisionCheck(precision=precision, rows=rows, agreement=agreement, largest_difference=0.01, speed=2.0)


agreements = st.floats(0, 1)
checks = st.tuples(
    st.none() | st.builds(check, st.just("bfloat16"), agreements, st.integers(0, 1000)),
    st.none() | st.builds(check, st.just("int8"), agreements, st.integers(0, 1000)),
).map(lambda pair: [one for one in pair if one])


@given(checks, st.booleans())
def test_the_choice_is_always_one_that_may_be_asked_for(found, native):
    chosen = choose("auto", native, found)
    assert choose(chosen, native, found) == chosen


@given(checks, st.booleans())
def test_what_failed_its_check_or_is_not_there_is_never_chosen(found, native):
    chosen = choose("auto", native, found)
    failed = {one.precision for one in found if one.agreement < LEAST_AGREEMENT or one.rows < LEAST_ROWS}
    assert chosen not in failed
    assert chosen != "bfloat16" or native
    assert chosen != "int8" or any(one.precision == "int8" for one in found)


def test_the_fastest_that_is_offered_is_chosen():
    assert choose("auto", False, []) == "float32"
    assert choose("auto", True, []) == "bfloat16"
    assert choose("auto", True, [check("bfloat16"), check("int8")]) == "int8"
    assert choose("auto", True, [check("bfloat16", 0.9), check("int8", 0.99)]) == "float32"


@pytest.mark.parametrize(
    ("wanted", "native", "found", "reason"),
    [
        ("int8", True, [], "published without it"),
        ("int8", True, [check("int8", 0.994)], "of 200 held-out texts 99.40% kept their labels, and at least 99.5%"),
        ("int8", True, [check("int8", 1.0, 199)], "of 199 held-out texts"),
        ("bfloat16", False, [], "this processor does not compute in it"),
        ("bfloat16", True, [check("bfloat16", 0.5)], "50.00% kept their labels"),
    ],
)
def test_what_is_not_offered_is_refused_with_the_reason(wanted, native, found, reason):
    with pytest.raises(NotOffered, match=reason):
        choose(wanted, native, found)


def test_labels_are_the_same_if_the_best_is_or_if_all_of_an_any_of_row_are():
    first = np.array([[0.2, 0.8], [0.6, 0.7], [0.1, 0.2]], dtype=np.float32)
    second = np.array([[0.4, 0.6], [0.6, 0.4], [0.3, 0.1]], dtype=np.float32)
    assert same_labels("one_of", first, second).tolist() == [True, False, False]
    assert same_labels("any_of", first, second).tolist() == [True, False, True]
