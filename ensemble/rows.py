"""Labelled rows: a chunk of feedback with the answers to each target, as one Arrow table."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ensemble.combine import Answer
from ensemble.compare import Predictions
from ensemble.spec import Mode


def labelled_rows(
    chunk: pa.Table,
    customer: str,
    answers: Mapping[str, Answer],
    *,
    review_below: float,
    scored_at: datetime,
    keep_text: bool,
    columns: Sequence[str],
    by_target: bool = True,
) -> pa.Table:
    """Return one labelled row for each row of `chunk`, in its order.

    `chunk` has the columns of storage.records.feedback.CHUNK that are needed here. `answers` is by
    target name, each of as many rows. `columns` are the caller's own columns to keep; one whose
    name is taken gets the prefix `upload_`. A row's `agreement` is the least of its targets'.
    `by_target`: with agreement and review of each target, which versions before did not write. They
    are left out where another target's column has the name.
    """
    rows = chunk.num_rows
    out: dict[str, pa.Array | pa.ChunkedArray] = {
        "id": chunk["id"],
        "customer": pa.repeat(customer, rows),
    }
    if keep_text:
        out["text"] = chunk["text"]
    agreement = np.ones(rows, dtype=np.float32)
    of_targets: dict[str, pa.Array] = {}
    for target, answer in answers.items():
        of_targets |= {
            f"{target}_agreement": pa.array(answer.agreement),
            f"{target}_needs_review": pa.array(answer.agreement < np.float32(review_below)),
        }
        out |= _one_of(target, answer) if answer.mode == "one_of" else _any_of(target, answer)
        agreement = np.minimum(agreement, answer.agreement)
    if by_target:
        out |= {name: values for name, values in of_targets.items() if name not in out}
    out["agreement"] = pa.array(agreement)
    out["needs_review"] = pa.array(agreement < np.float32(review_below))
    # Always empty, because every member of a labelled row has voted; kept for readers of labels.
    out["members_missing"] = pa.ListArray.from_arrays(
        pa.array(np.zeros(rows + 1, dtype=np.int32)), pa.array([], pa.string())
    )
    out["scored_at"] = pa.repeat(pa.scalar(scored_at, pa.timestamp("ms", tz="UTC")), rows)
    for column in columns:
        name = column
        while name in out or (name != column and name in columns):
            name = f"upload_{name}"
        out[name] = pc.map_lookup(chunk["extra"], pa.scalar(column), "first")
    return pa.table(out)


def read_predictions(rows: pa.Table, target: str, mode: Mode) -> Predictions:
    """Return a target's predictions in labelled rows.

    `rows` needs two of the target's columns: `<target>` and `<target>_probabilities`.
    """
    structs = rows[f"{target}_probabilities"].combine_chunks()
    labels = tuple(structs.type.names)
    probabilities = np.empty((len(rows), len(labels)), dtype=np.float32)
    for at, values in enumerate(structs.flatten()):
        probabilities[:, at] = values.to_numpy(zero_copy_only=False)
    given, owners = rows[target].combine_chunks(), np.arange(len(rows))
    if mode == "any_of":
        given, owners = pc.list_flatten(given), pc.list_parent_indices(given).to_numpy()
    chosen = np.zeros(probabilities.shape, dtype=np.bool_)
    chosen[owners, pc.index_in(given, pa.array(labels)).to_numpy(zero_copy_only=False)] = True
    return Predictions(labels, probabilities, chosen)


def _one_of(target: str, answer: Answer) -> dict[str, pa.Array]:
    best = answer.chosen.argmax(axis=1)  # [rows]
    return {
        target: pa.DictionaryArray.from_arrays(best.astype(np.int32), list(answer.labels)).cast(
            pa.string()
        ),
        f"{target}_score": pa.array(answer.probabilities[np.arange(len(best)), best]),
        f"{target}_probabilities": _probabilities(answer),
    }


def _any_of(target: str, answer: Answer) -> dict[str, pa.Array]:
    _, labels = np.nonzero(answer.chosen)  # row by row, labels in their order
    ends = np.concatenate([[0], answer.chosen.sum(axis=1).cumsum()]).astype(np.int32)
    names = pa.DictionaryArray.from_arrays(labels.astype(np.int32), list(answer.labels)).cast(
        pa.string()
    )
    return {
        target: pa.ListArray.from_arrays(ends, names),
        f"{target}_probabilities": _probabilities(answer),
    }


def _probabilities(answer: Answer) -> pa.StructArray:
    """Return [rows] structs with a float32 field for each label."""
    values = [
        pa.array(np.ascontiguousarray(answer.probabilities[:, at]))
        for at in range(len(answer.labels))
    ]
    return pa.StructArray.from_arrays(values, names=list(answer.labels))
