"""Fields that are only kept, and longer than a field may be. Pure."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def rows_with_long_fields(extra: pa.MapArray, max_chars: int | None) -> dict[int, str]:
    """Return position → detail of the rows of [n] maps that hold a field longer than allowed.

    `max_chars` None: any length is allowed.

    >>> extra = pa.array([[("note", "fine")], [("note", "too long")]], pa.map_("string", "string"))
    >>> rows_with_long_fields(extra, 4)
    {1: 'a field has 8 characters; at most 4 are allowed'}
    """
    if max_chars is None or extra.nbytes <= max_chars:  # as a rule: no field can be too long
        return {}
    lengths = pc.utf8_length(extra.items)
    offsets = extra.offsets.to_numpy()
    too_long = np.flatnonzero(pc.greater(lengths, max_chars).fill_null(False).to_numpy(False))
    rows = offsets.searchsorted(too_long, "right") - 1
    return {
        int(row): f"a field has {lengths[int(item)]} characters; at most {max_chars} are allowed"
        for row, item in zip(rows, too_long, strict=True)
        if 0 <= row < len(extra)
    }
