"""The precision that a network computes in, and the check that lower precisions have to pass.

float32 is what a model was published as. bfloat16 is used where the processor computes in it. int8
is made by quantisation when a model is published (models.transformer.quantize), and offered only
if it then gave the labels that float32 gives.
"""

from collections.abc import Sequence
from typing import Literal

from storage.record import Record

Precision = Literal["float32", "bfloat16", "int8"]  # from fine to coarse

MIN_AGREEMENT = 0.995
MIN_ROWS = 200  # of 199 texts, one that changes its label would already be too many


class PrecisionCheck(Record):
    """The answers of one precision to held-out texts, compared with float32 when publishing."""

    precision: Precision
    rows: int
    # share of the texts with the same labels; for any-of targets with all labels the same
    agreement: float
    largest_difference: float  # between two probabilities
    speed: float  # texts a processor second, relative to float32

    @property
    def passed(self) -> bool:
        """Whether the precision may be offered."""
        return self.rows >= MIN_ROWS and self.agreement >= MIN_AGREEMENT


def choose_precision(
    coarsest: Precision, has_bfloat16: bool, checks: Sequence[PrecisionCheck]
) -> Precision:
    """Return the fastest precision that is offered and no coarser than `coarsest`.

    float32 always is offered; bfloat16 where the processor has it, unless it was checked and
    failed; int8 only if it was checked and passed. Speeds are those of the checks; bfloat16 without
    a check counts as faster than float32.
    """
    results = {check.precision: check for check in checks}
    speeds: dict[Precision, float] = {"float32": 1.0}
    bfloat16, int8 = results.get("bfloat16"), results.get("int8")
    if coarsest != "float32" and has_bfloat16 and (bfloat16 is None or bfloat16.passed):
        speeds["bfloat16"] = bfloat16.speed if bfloat16 else 1.5
    if coarsest == "int8" and int8 is not None and int8.passed:
        speeds["int8"] = int8.speed
    return max(speeds, key=lambda precision: speeds[precision])
