"""The labelled rows: a chunk of feedback and the answers to each target, as one Arrow table; and
read from it again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ensemble.combine import Combined
from ensemble.compare import Said
from ensemble.spec import Mode


def labelled_rows(
    chunk: pa.Table,
    customer: str,
    answers: Mapping[str, tuple[Mode, Combined]],
    *,
    review_below: float,
    missing: Sequence[str],
    scored_at: datetime,
    keep_text: bool,
    columns: Sequence[str],
) -> pa.Table:
    """One row a feedback of `chunk` (those columns of storage.records.feedback.CHUNK that are asked
    for), in its order.

    `answers` is by target name. `missing` names the members that did not vote. `columns` are the
    caller's own columns to carry along; one whose name is taken gets `upload_` before it.
    `agreement` is the least of the targets'.
    """
    rows = chunk.num_rows
    out: dict[str, pa.Array | pa.ChunkedArray] = {
        "id": chunk["id"],
        "customer": pa.repeat(customer, rows),
    }
    if keep_text:
        out["text"] = chunk["text"]
    agreement = np.ones(rows, dtype=np.float32)
    for target, (mode, combined) in answers.items():
        out |= _one_of(target, combined) if mode == "one_of" else _any_of(target, combined)
        agreement = np.minimum(agreement, combined.agreement)
    out["agreement"] = pa.array(agreement)
    out["needs_review"] = pa.array(agreement < np.float32(review_below))
    ends = pa.array(np.arange(rows + 1, dtype=np.int32) * len(missing))
    out["members_missing"] = pa.ListArray.from_arrays(
        ends, pa.array([*missing] * rows, pa.string())
    )
    out["scored_at"] = pa.repeat(pa.scalar(scored_at, pa.timestamp("ms", tz="UTC")), rows)
    for column in columns:
        name = column
        while name in out or (name != column and name in columns):
            name = f"upload_{name}"
        out[name] = pc.map_lookup(chunk["extra"], pa.scalar(column), "first")
    return pa.table(out)


def said_in(rows: pa.Table, target: str, mode: Mode) -> Said:
    """What labelled rows say of a target. Two of its columns are enough: `<target>`,
    `<target>_probabilities`.
    """
    structs = rows[f"{target}_probabilities"].combine_chunks()
    labels = tuple(structs.type.names)
    probabilities = np.empty((len(rows), len(labels)), dtype=np.float32)
    for at, values in enumerate(structs.flatten()):
        probabilities[:, at] = values.to_numpy(zero_copy_only=False)
    answers, owners = rows[target].combine_chunks(), np.arange(len(rows))
    if mode == "any_of":
        answers, owners = pc.list_flatten(answers), pc.list_parent_indices(answers).to_numpy()
    chosen = np.zeros(probabilities.shape, dtype=np.bool_)
    chosen[owners, pc.index_in(answers, pa.array(labels)).to_numpy(zero_copy_only=False)] = True
    return Said(labels, probabilities, chosen)


def _one_of(target: str, combined: Combined) -> dict[str, pa.Array]:
    best = combined.chosen.argmax(axis=1)  # [rows]
    return {
        target: pa.DictionaryArray.from_arrays(best.astype(np.int32), list(combined.labels)).cast(
            pa.string()
        ),
        f"{target}_score": pa.array(combined.probabilities[np.arange(len(best)), best]),
        f"{target}_probabilities": _probabilities(combined),
    }


def _any_of(target: str, combined: Combined) -> dict[str, pa.Array]:
    _, labels = np.nonzero(combined.chosen)  # row by row, labels in their order
    ends = np.concatenate([[0], combined.chosen.sum(axis=1).cumsum()]).astype(np.int32)
    names = pa.DictionaryArray.from_arrays(labels.astype(np.int32), list(combined.labels)).cast(
        pa.string()
    )
    return {
        target: pa.ListArray.from_arrays(ends, names),
        f"{target}_probabilities": _probabilities(combined),
    }


def _probabilities(combined: Combined) -> pa.StructArray:
    """A struct with a float32 field for each label."""
    values = [
        pa.array(np.ascontiguousarray(combined.probabilities[:, at]))
        for at in range(len(combined.labels))
    ]
    return pa.StructArray.from_arrays(values, names=list(combined.labels))
