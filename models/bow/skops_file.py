"""Reading a skops file: which types it is made of, and what is in it, without a tour of all of
scikit-learn.

skops trusts every public estimator of scikit-learn, and to list them it imports all of
scikit-learn, and with that torch where it is installed: 4.4 s and 400 MB, measured, where the
pipeline itself needs 1.6 s and 130 MB. Here skops is imported with an empty list, and the same rule
is applied to the types that a file names: a public estimator of scikit-learn is trusted, and
nothing beyond.
"""

import sys
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from storage.errors import ChorusError

_importing = Lock()


class UntrustedTypes(ChorusError):
    """A pipeline file that would load types we do not know."""

    def __init__(self, file: Path, types: list[str]) -> None:
        self.file, self.types = file, types
        super().__init__(
            f"{file} holds types that are not plain scikit-learn or NumPy: {', '.join(types)}. It was not loaded. "
            "Publish a pipeline that is made of scikit-learn's own steps."
        )


def load_skops(file: Path) -> Any:
    """What the file holds.

    Raises UntrustedTypes; and BadZipFile, KeyError, ValueError, AttributeError or TypeError if it
    is no skops file.
    """
    io = _skops_io()
    named = io.get_untrusted_types(file=file)
    estimators = [name for name in named if _is_estimator(name)]
    untrusted = sorted(set(named) - set(estimators))
    if untrusted:
        raise UntrustedTypes(file, untrusted)
    return io.load(file, trusted=estimators)


def _skops_io() -> ModuleType:
    """skops.io, which asks for the list of all estimators once, when it is imported."""
    with _importing:
        if "skops.io" not in sys.modules:
            import sklearn.utils

            everything = sklearn.utils.all_estimators
            sklearn.utils.all_estimators = list
            try:
                import_module("skops.io")
            finally:
                sklearn.utils.all_estimators = everything
        return sys.modules["skops.io"]


def _is_estimator(name: str) -> bool:
    """Whether `module.Class` is a public estimator of scikit-learn, the rule of
    sklearn.utils.all_estimators.

    Only modules of scikit-learn are imported to find out.
    """
    module, _, found = name.rpartition(".")
    if not module.startswith("sklearn.") or found.startswith("_") or ".tests" in module:
        return False
    from sklearn.base import BaseEstimator

    try:
        candidate = getattr(import_module(module), found, None)
    except ImportError:
        return False
    return isinstance(candidate, type) and issubclass(candidate, BaseEstimator)
