"""What a process does before it imports anything large, to stay small. All of it was measured.

pandas: half a second and 50 MB each. pyarrow and scikit-learn import it wherever it is installed,
and no row of ours goes through it. The allocator: mimalloc, which Arrow takes by default, holds on
to some 80 MB that several threads have used in turn; the system's takes no more time. Threads:
libraries that start one a core would compute on the cores of other workers.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NotInstalled(MetaPathFinder, Loader):
    """Answers for pandas as if it were not there; for everything else the next finder is asked."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        # Found, for libraries that only ask whether it is there; what fails is to import it.
        return ModuleSpec(fullname, self) if fullname == "pandas" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise ModuleNotFoundError("pandas is kept out of this process", name=spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Never called."""


def without_pandas() -> None:
    """From now on pandas cannot be imported in this process."""
    sys.meta_path.insert(0, _NotInstalled())


def with_little_memory() -> None:
    """Before Arrow is imported, in this process and its children: unless told otherwise, it shares
    malloc with all.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


_NATIVE_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


def limit_native_threads(threads: int) -> None:
    """Keep the thread pools of NumPy, scikit-learn, Arrow, torch and tokenizers to a worker's share
    of the cores.

    They look once, when they are imported. What the environment already says holds.
    """
    for variable in _NATIVE_POOLS:
        os.environ.setdefault(variable, str(threads))
