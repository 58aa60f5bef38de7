"""Lists of names in error texts: a few of them, those near to what was asked for first."""

from collections.abc import Sequence
from difflib import get_close_matches

_MOST = 8


def list_names(names: Sequence[str], wanted: str = "") -> str:
    """Return up to eight of the names with commas between, and how many more there are.

    Those that begin as `wanted` does, or are spelt like it, come first; without a name "none":

        list_names(["acme", "beta", "zeta"], "zet") == "zeta, acme, beta"
    """
    if not names:
        return "none"
    prefix = wanted[: max(4, len(wanted) // 2)]
    near = [name for name in names if prefix and name.startswith(prefix)]
    near += get_close_matches(wanted, names, _MOST) if wanted else []
    shown = list(dict.fromkeys([*near, *names]))[:_MOST]
    more = len(set(names)) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
