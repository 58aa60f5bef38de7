"""What a process sets up before it imports large libraries, to stay small.

The reasons were measured. pandas takes half a second and 50 MB in each process; pyarrow and
scikit-learn import it wherever it is installed, and no row of Chorus passes through it. mimalloc,
Arrow's default allocator, keeps some 80 MB once several threads have used it; the system's is as
fast. Libraries that start a thread for each core would compute on the cores of other workers.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _PandasBlocker(MetaPathFinder, Loader):
    """A finder that makes the import of pandas fail."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        # A spec, as some libraries only check whether pandas is installed; its import fails.
        return ModuleSpec(fullname, self) if fullname == "pandas" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise ModuleNotFoundError("pandas is kept out of this process", name=spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Never called."""


def block_pandas() -> None:
    """Make every later import of pandas in this process fail."""
    sys.meta_path.insert(0, _PandasBlocker())


def use_system_allocator() -> None:
    """Let Arrow allocate with malloc, in this process and its children, unless the environment
    names another pool.

    Arrow reads the variable when it is imported.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


def limit_native_threads(threads: int) -> None:
    """Limit the thread pools of NumPy, scikit-learn, Arrow, torch and tokenizers to a worker's
    share of the cores.

    They read the variables when they are imported. A variable that is set already stays.
    """
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, str(threads))
