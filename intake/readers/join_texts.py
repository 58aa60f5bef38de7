"""Several text columns as one text, where the caller asked for that. Pure."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_BETWEEN = "\n\n"
BETWEEN_NAMES = " + "


def join_columns(columns: Sequence[pa.StringArray]) -> pa.StringArray:
    """Return [rows] texts: those of the columns, a blank line between them, blank ones left out.

    One column stays as it is. A row without any text gets an empty one.
    """
    if len(columns) == 1:
        return columns[0]
    # Not null_handling="skip": pyarrow 26 then drops the rows whose texts are all null.
    texts = [
        pc.if_else(
            pc.equal(pc.utf8_trim_whitespace(column), ""),
            "",
            pc.binary_join_element_wise(column, _BETWEEN, ""),
        )
        for column in (pc.coalesce(column, "") for column in columns)
    ]
    return pc.replace_substring_regex(pc.binary_join_element_wise(*texts, ""), r"\n\n\z", "")


def join_texts(texts: Sequence[str | None]) -> str | None:
    """Return the texts of one row, joined as by `join_columns`."""
    if len(texts) == 1:
        return texts[0]
    return _BETWEEN.join(text for text in texts if text is not None and text.strip())


def joined_name(names: Sequence[str]) -> str:
    """Return the name of the joined column.

    >>> joined_name(["Likes", "Dislikes"])
    'Likes + Dislikes'
    """
    return BETWEEN_NAMES.join(names)
