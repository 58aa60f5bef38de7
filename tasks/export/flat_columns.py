"""The columns of an export: names and types of what labels add, and of the caller's. Pure.

For the targets `sentiment` (one_of) and `topics` (any_of):

    id, comment, channel                          the caller's columns
    sentiment, sentiment_score                    label, its probability
    sentiment_agreement, sentiment_needs_review
    sentiment_bad, sentiment_good                 one column a label: its probability
    topics, topics_agreement, topics_needs_review, topics_delivery, topics_price
    agreement, needs_review, scored_at            over all targets
    reject_reason, reject_detail, reject_record   of a row without labels
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from storage.records.decisions import Mode
from tasks.formats.output_format import LABELS, TIME


@dataclass(frozen=True)
class TargetLabels:
    """A target of labelled rows, with all its labels in their order."""

    name: str
    mode: Mode
    labels: tuple[str, ...]


class ResultKey(NamedTuple):
    """The content of a column that labels add."""

    kind: str  # one of _TYPES, or "label", "labels"
    target: str = ""  # empty: of the whole row
    label: str = ""  # of a column of probabilities


@dataclass(frozen=True)
class ResultColumn:
    """One column that labels add."""

    key: ResultKey
    name: str

    @property
    def type(self) -> pa.DataType:
        """Type of its values."""
        return _TYPES.get(self.key.kind, pa.string())


_TYPES = {
    "labels": LABELS,
    "score": pa.float64(),
    "agreement": pa.float64(),
    "needs_review": pa.bool_(),
    "probability": pa.float64(),
    "scored_at": TIME,
}
REASON, DETAIL, RECORD = map(ResultKey, ("reject_reason", "reject_detail", "reject_record"))
AGREEMENT, NEEDS_REVIEW, SCORED_AT = map(ResultKey, ("agreement", "needs_review", "scored_at"))
_ROW_KEYS = (AGREEMENT, NEEDS_REVIEW, SCORED_AT, REASON, DETAIL, RECORD)


def result_columns(targets: Sequence[TargetLabels], prefix: str = "") -> list[ResultColumn]:
    """Return the columns that labels of these targets add, each under a name of its own.

    A label whose column would be another one's becomes `<target>_label_<label>`, and if that is
    taken too, gets a number. Case does not tell names apart: for DuckDB it does not.
    """
    keys = [key for target in targets for key in target_keys(target)]
    # those of labels last: they may be any text, and the others have the names that are expected
    order = sorted((*keys, *_ROW_KEYS), key=lambda key: key.kind == "probability")
    taken: set[str] = set()
    names = {key: _free_name(_names_of(key, prefix), taken) for key in order}
    return [ResultColumn(key, names[key]) for key in (*keys, *_ROW_KEYS)]


def target_keys(target: TargetLabels) -> list[ResultKey]:
    """Return the keys of the columns of one target, in their order."""
    one_of = target.mode == "one_of"
    return [
        ResultKey("label" if one_of else "labels", target.name),
        *([ResultKey("score", target.name)] if one_of else []),
        ResultKey("agreement", target.name),
        ResultKey("needs_review", target.name),
        *(ResultKey("probability", target.name, label) for label in target.labels),
    ]


def caller_names(columns: Iterable[str], taken: Collection[str]) -> list[str]:
    """Return the names of the caller's columns, which are unique, in an export.

    One that is taken, whatever its case, becomes `upload_<name>`, as in labelled rows.

    >>> caller_names(["id", "Sentiment", "upload_sentiment"], ["sentiment"])
    ['id', 'upload_Sentiment', 'upload_sentiment']
    """
    columns, folded = list(columns), {name.casefold() for name in taken}
    used: set[str] = set()
    names = []
    for column in columns:
        name = column
        while name.casefold() in folded or name in used or (name != column and name in columns):
            name = f"upload_{name}"
        used.add(name)
        names.append(name)
    return names


def _names_of(key: ResultKey, prefix: str) -> list[str]:
    """Return the names that a column may have, the best first."""
    if key.kind == "probability":
        return [f"{prefix}{key.target}_{key.label}", f"{prefix}{key.target}_label_{key.label}"]
    if key.kind in ("label", "labels"):
        return [prefix + key.target]
    return [f"{prefix}{key.target}_{key.kind}" if key.target else prefix + key.kind]


def _free_name(names: Sequence[str], taken: set[str]) -> str:
    """Return the first name that is free, else the last with a number, and add it to `taken`."""
    name, number = next((name for name in names if name.casefold() not in taken), names[-1]), 1
    while name.casefold() in taken:
        number += 1
        name = f"{names[-1]}_{number}"
    taken.add(name.casefold())
    return name
