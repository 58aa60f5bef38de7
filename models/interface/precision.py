"""Which precision a transformer is computed in, and the check that one with fewer bits has to pass.

float32 is what a model was published as. bfloat16 is used where the processor computes in it. int8
is quantised when a model is published (see models.transformer.quantize), and offered only if it
then gave the labels that float32 gives.
"""

from collections.abc import Sequence
from typing import Literal

from storage.record import Record

Precision = Literal["float32", "bfloat16", "int8"]  # from fine to coarse

MIN_AGREEMENT = 0.995
MIN_ROWS = 200  # one text of 199 that changes its label is more than may change


class PrecisionCheck(Record):
    """How a precision answered held-out text beside float32, on the machine that published."""

    precision: Precision
    rows: int
    # share of the texts whose labels are the same, every label of an any-of target included
    agreement: float
    largest_difference: float  # between two probabilities
    speed: float  # texts a processor second, against float32

    @property
    def passed(self) -> bool:
        return self.rows >= MIN_ROWS and self.agreement >= MIN_AGREEMENT


def choose_precision(
    coarsest: Precision, has_bfloat16: bool, checks: Sequence[PrecisionCheck]
) -> Precision:
    """The fastest precision that is offered, and no coarser than `coarsest`.

    float32 always is. bfloat16 is offered where the processor has it, unless it was checked and
    failed; int8 only if it was checked and passed. The speed is the one measured; bfloat16 that was
    not measured counts as faster than float32.
    """
    results = {check.precision: check for check in checks}
    offered: dict[Precision, float] = {"float32": 1.0}
    bfloat16, int8 = results.get("bfloat16"), results.get("int8")
    if coarsest != "float32" and has_bfloat16 and (bfloat16 is None or bfloat16.passed):
        offered["bfloat16"] = bfloat16.speed if bfloat16 else 1.5
    if coarsest == "int8" and int8 is not None and int8.passed:
        offered["int8"] = int8.speed
    return max(offered, key=lambda precision: offered[precision])
