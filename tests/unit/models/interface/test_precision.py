"""The precision that a transformer is computed in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.interface.precision import MIN_AGREEMENT, MIN_ROWS, PrecisionCheck, choose_precision
from models.transformer.quantize import same_labels


def check(precision, agreement=1.0, rows=MIN_ROWS, speed=2.0):
    return PrecisionCheck(
        precision=precision, rows=rows, agreement=agreement, largest_difference=0.01, speed=speed
    )


agreements = st.floats(0, 1)
checks = st.tuples(
    st.none() | st.builds(check, st.just("bfloat16"), agreements, st.integers(0, 1000)),
    st.none() | st.builds(check, st.just("int8"), agreements, st.integers(0, 1000)),
).map(lambda pair: [result for result in pair if result])


precisions = st.sampled_from(["float32", "bfloat16", "int8"])


@given(precisions, st.booleans(), checks)
def test_the_chosen_precision_is_allowed_available_and_did_not_fail(coarsest, native, results):
    chosen = choose_precision(coarsest, native, results)
    order = ["float32", "bfloat16", "int8"]
    assert order.index(chosen) <= order.index(coarsest)
    failed = {
        result.precision
        for result in results
        if result.agreement < MIN_AGREEMENT or result.rows < MIN_ROWS
    }
    assert chosen not in failed
    assert chosen != "bfloat16" or native
    assert chosen != "int8" or any(result.precision == "int8" for result in results)


def test_the_fastest_offered_precision_is_chosen():
    assert choose_precision("int8", False, []) == "float32"
    assert choose_precision("int8", True, []) == "bfloat16"
    assert choose_precision("int8", True, [check("bfloat16"), check("int8", speed=3.0)]) == "int8"
    assert (
        choose_precision("int8", True, [check("bfloat16"), check("int8", speed=1.2)]) == "bfloat16"
    )
    assert choose_precision("int8", False, [check("int8", speed=0.8)]) == "float32"
    assert (
        choose_precision("int8", True, [check("bfloat16", 0.9), check("int8", 0.99)]) == "float32"
    )
    assert choose_precision("bfloat16", True, [check("int8", speed=3.0)]) == "bfloat16"


def test_labels_are_the_same_if_the_best_label_or_all_labels_of_an_any_of_row_are():
    first = np.array([[0.2, 0.8], [0.6, 0.7], [0.1, 0.2]], dtype=np.float32)
    second = np.array([[0.4, 0.6], [0.6, 0.4], [0.3, 0.1]], dtype=np.float32)
    assert same_labels("one_of", first, second).tolist() == [True, False, False]
    assert same_labels("any_of", first, second).tolist() == [True, False, True]
