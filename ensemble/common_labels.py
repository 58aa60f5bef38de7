"""Labels under which two sets of predictions can be compared. Pure."""

from collections.abc import Sequence

from storage.records.decisions import Mode


def common_labels(mode: Mode, before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """Return the labels under which two sides can be compared; none if they share no meaning.

    one_of: all labels, if both sides have the same ones in any order, because each label excludes
    the others. any_of: those that both sides have, because each holds or not on its own.

        common_labels("any_of", ("price", "cafe"), ("delivery", "price")) == ("price",)
    """
    if mode == "one_of" and set(before) != set(after):
        return ()
    return tuple(label for label in before if label in after)
