"""Which precision a transformer is computed in, and the check that one with fewer bits has to pass.

float32 is what a model was published as. bfloat16 is used where the processor computes in it. int8 is quantised when a
model is published (see models.quantize), and offered only if it then gave the labels that float32 gives.
"""

from collections.abc import Sequence
from typing import Literal

from storage.errors import BadRequest
from storage.record import Record

Precision = Literal["float32", "bfloat16", "int8"]
Wanted = Literal["auto", "float32", "bfloat16", "int8"]

LEAST_AGREEMENT = 0.995
LEAST_ROWS = 200  # one text of 199 that changes its label is more than may change


class PrecisionCheck(Record):
    """How a precision answered held-out text beside float32, on the machine that published."""

    precision: Precision
    rows: int
    agreement: float  # share of the texts whose labels are the same, every label of an any-of target included
    largest_difference: float  # between two probabilities
    speed: float  # texts a processor second, against float32

    @property
    def passed(self) -> bool:
        return self.rows >= LEAST_ROWS and self.agreement >= LEAST_AGREEMENT


class NotOffered(BadRequest):
    """A precision was asked for that this model, or this processor, does not offer."""

    def __init__(self, wanted: str, reason: str) -> None:
        self.wanted = wanted
        super().__init__(f"The precision {wanted} is not offered: {reason}. Set CHORUS_PRECISION=auto.")


def choose(wanted: Wanted, has_bfloat16: bool, checks: Sequence[PrecisionCheck]) -> Precision:
    """The fastest precision that is offered, or the one that was asked for. Raises NotOffered.

    bfloat16 is offered where the processor has it, unless it was checked and failed; int8 only if it passed.
    """
    results = {check.precision: check for check in checks}
    reasons: dict[Precision, str] = {}
    if "int8" not in results:
        reasons["int8"] = "the model was published without it"
    elif not results["int8"].passed:
        reasons["int8"] = _failure(results["int8"])
    if not has_bfloat16:
        reasons["bfloat16"] = "this processor does not compute in it"
    elif "bfloat16" in results and not results["bfloat16"].passed:
        reasons["bfloat16"] = _failure(results["bfloat16"])
    if wanted != "auto":
        if wanted in reasons:
            raise NotOffered(wanted, reasons[wanted])
        return wanted
    fastest: tuple[Precision, ...] = ("int8", "bfloat16", "float32")
    return next(precision for precision in fastest if precision not in reasons)


def _failure(check: PrecisionCheck) -> str:
    return (
        f"of {check.rows} held-out texts {check.agreement:.2%} kept their labels, and at least {LEAST_AGREEMENT:.1%} "
        f"of {LEAST_ROWS} or more must"
    )
