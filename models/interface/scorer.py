"""The scorer: what every kind of model offers to the worker that runs it."""

from typing import Protocol, TypeVar

import pyarrow as pa

from storage.records.scores import Float32

Prepared = TypeVar("Prepared")
Raw = TypeVar("Raw")


class Scorer(Protocol[Prepared, Raw]):
    """One model version. Texts are [rows] strings, answers float32 [rows, labels].

    Who calls what:

        one thread                  load()            once, before anything else
        any thread, even several    prepare(texts)    while infer() works on earlier texts
        any thread, even several    infer(prepared)   large chunks one at a time, small ones beside
                                                      them; it may use threads of its own
        any thread, even several    finish(raw)       while infer() works on later texts
        one thread                  unload()          once, when no other call is running

    The columns of the answer are the labels of the model's manifest, in that order; the rows are
    those of the texts. Every value is a probability: a row sums to 1 for a one-of target, each
    value stands alone for an any-of target. The values of a text depend on its order and on the
    other texts by at most 1e-3.
    """

    def load(self) -> None:
        """Read the artifacts, so that the next call can answer at once."""

    def prepare(self, texts: pa.StringArray) -> Prepared:
        """Do what needs the host alone, such as tokens and batches."""

    def infer(self, prepared: Prepared) -> Raw:
        """Run the model."""

    def finish(self, raw: Raw) -> Float32:
        """Return probabilities, float32 [rows, labels], in the order of the texts."""

    def unload(self) -> None:
        """Release the memory. The scorer can be loaded again."""


def score(scorer: Scorer[Prepared, Raw], texts: pa.StringArray) -> Float32:
    """Run all three steps, which need not overlap: [rows] strings → float32 [rows, labels]."""
    return scorer.finish(scorer.infer(scorer.prepare(texts)))
