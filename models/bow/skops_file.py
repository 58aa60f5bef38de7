"""Loading a skops file that is made of scikit-learn's own types, without importing all of them.

A skops file names the types it is made of. One that names anything beyond scikit-learn and NumPy is
refused, so that loading a model never runs code that came with it.

skops trusts every public estimator of scikit-learn. To list them it imports all of scikit-learn,
and with that torch where it is installed: 4.4 s and 400 MB, measured, where the pipeline itself
needs 1.6 s and 130 MB. So skops is imported with an empty list here, and the same rule is applied
to the types that a file names.
"""

import sys
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from storage.errors import ChorusError

_import_lock = Lock()


class UntrustedTypes(ChorusError):
    """A pipeline file with types that are not trusted."""

    def __init__(self, file: Path, types: list[str]) -> None:
        self.file, self.types = file, types
        super().__init__(
            f"{file} holds types that are not plain scikit-learn or NumPy: {', '.join(types)}. "
            "It was not loaded. Publish a pipeline that is made of scikit-learn's own steps."
        )


def load_skops(file: Path) -> Any:
    """Return the object that was saved in the file.

    Raises UntrustedTypes; and BadZipFile, KeyError, ValueError, AttributeError or TypeError if it
    is no skops file.
    """
    io = _skops_io()
    types = io.get_untrusted_types(file=file)
    estimators = [name for name in types if _is_estimator(name)]
    untrusted = sorted(set(types) - set(estimators))
    if untrusted:
        raise UntrustedTypes(file, untrusted)
    return io.load(file, trusted=estimators)


def _skops_io() -> ModuleType:
    """Import skops.io, which asks for the list of all estimators once, when it is imported."""
    with _import_lock:
        if "skops.io" not in sys.modules:
            import sklearn.utils

            all_estimators = sklearn.utils.all_estimators
            sklearn.utils.all_estimators = list
            try:
                import_module("skops.io")
            finally:
                sklearn.utils.all_estimators = all_estimators
        return sys.modules["skops.io"]


def _is_estimator(name: str) -> bool:
    """Return whether `module.Class` is a public estimator of scikit-learn.

    The rule is that of sklearn.utils.all_estimators. Only modules of scikit-learn are imported.
    """
    module, _, class_name = name.rpartition(".")
    if not module.startswith("sklearn.") or class_name.startswith("_") or ".tests" in module:
        return False
    from sklearn.base import BaseEstimator

    try:
        candidate = getattr(import_module(module), class_name, None)
    except ImportError:
        return False
    return isinstance(candidate, type) and issubclass(candidate, BaseEstimator)
