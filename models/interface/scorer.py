"""What every kind of model offers to the worker that runs it."""

from typing import Protocol, TypeVar

import pyarrow as pa

from storage.records.scores import Float32

Prepared = TypeVar("Prepared")
Raw = TypeVar("Raw")


class Scorer(Protocol[Prepared, Raw]):
    """One loaded model version. Texts come as [rows] strings, answers leave as float32 [rows,
    labels].

    Who calls what:

        one thread                  load()            once, before anything else
        any thread, even several    prepare(texts)    while infer() works on earlier texts
        any thread, even several    infer(prepared)   the compute; may use threads of its own. Large chunks come one
                                                      at a time, small ones beside them
        any thread, even several    finish(raw)       while infer() works on later texts
        one thread                  unload()          once, when no other call is under way

    The columns of the answer are the labels of the model's manifest, in that order; the rows are
    those of the texts. Every value is a probability: a row sums to 1 for a one-of target, each
    value stands alone for an any-of target. The same texts in another order or another company give
    the same values within 1e-3.
    """

    def load(self) -> None:
        """Read the artifacts and be ready to answer at once."""

    def prepare(self, texts: pa.StringArray) -> Prepared:
        """Everything that needs the host alone: tokens, batches."""

    def infer(self, prepared: Prepared) -> Raw:
        """The model itself."""

    def finish(self, raw: Raw) -> Float32:
        """Probabilities, float32 [rows, labels], in the order of the texts."""

    def unload(self) -> None:
        """Let go of the memory. The scorer can be loaded again."""


def score(scorer: Scorer[Prepared, Raw], texts: pa.StringArray) -> Float32:
    """All three steps, for callers that do not overlap them: [rows] strings → float32 [rows,
    labels].
    """
    return scorer.finish(scorer.infer(scorer.prepare(texts)))
