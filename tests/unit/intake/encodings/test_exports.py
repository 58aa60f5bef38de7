"""Exports in twenty encodings and fourteen languages: read right, or refused with the right one."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from intake.detect.encoding import choose_encoding
from intake.detect.fingerprint import compute_fingerprint
from intake.errors import UnreadableUpload
from tests.support.encodings.exports import exports
from tests.support.encodings.held_out import HELD_OUT
from tests.support.encodings.sentences import SENTENCES


def _outcomes(sentences: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield the name of each export, and "right", "refused" or what went wrong."""
    for export in exports(sentences):
        try:
            encoding = _encoding_of([export.data])
        except UnreadableUpload as refusal:
            shown = any(_is_shown(row, str(refusal)) for row in export.text.split("\n"))
            yield export.name, "refused" if shown else f"refused without it: {refusal}"
        else:
            right = export.data.decode(encoding) == export.text
            yield export.name, "right" if right else f"silently read as {encoding}"


def _encoding_of(blocks: Sequence[bytes]) -> str:
    counts = compute_fingerprint(blocks).counts
    return choose_encoding("file.csv", None, counts, lambda: blocks).name


def _is_shown(row: str, message: str) -> bool:
    """Return True if the message shows a part of the row that is not plain ASCII."""
    pieces = (row[at : at + 30] for at in range(max(1, len(row) - 29)))
    return any(not piece.isascii() and piece in message for piece in pieces)


# The exports read right of all; the rest is refused. The held-out sentences were written to check
# the thresholds, not to choose them. They are harder: four names in four languages, for example.
@pytest.mark.parametrize(
    ("sentences", "right", "all_exports"), [(SENTENCES, 82, 82), (HELD_OUT, 75, 82)]
)
def test_exports_are_read_right_or_refused_with_the_right_candidate(
    sentences: Mapping[str, Sequence[str]], right: int, all_exports: int
) -> None:
    outcomes = dict(_outcomes(sentences))
    assert set(outcomes.values()) <= {"right", "refused"}, outcomes
    refused = [name for name, outcome in outcomes.items() if outcome == "refused"]
    assert (len(outcomes) - len(refused), len(outcomes)) == (right, all_exports), refused


def test_the_corpus_has_mostly_ascii_exports() -> None:
    shares = [
        sum(byte < 0x80 for byte in export.data) / len(export.data) for export in exports(SENTENCES)
    ]
    assert sum(share > 0.95 for share in shares) > 20


def test_an_export_is_read_the_same_in_any_blocks() -> None:
    export = next(export for export in exports(SENTENCES) if export.name.startswith("russian koi8"))
    blocks = [export.data[at : at + 7] for at in range(0, len(export.data), 7)]
    assert _encoding_of(blocks) == "koi8-r"
