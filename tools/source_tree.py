"""The repository's Python modules, read from disk and parsed; every tool starts from these."""

import ast
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

REPOSITORY = Path(__file__).parent.parent
SUPPORTING_FOLDERS = ("tests", "benchmarks", "tools", "examples")


@dataclass(frozen=True)
class Module:
    """One Python file; `path` is relative to the repository, with slashes."""

    path: str
    source: str

    @property
    def name(self) -> str:
        """Dotted name, as in storage.places.gcs; that of an `__init__.py` is its folder's."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if self.is_init else parts)

    @property
    def is_init(self) -> bool:
        """Whether the file is the `__init__.py` of a package."""
        return PurePosixPath(self.path).name == "__init__.py"

    @property
    def folder(self) -> str:
        """Path of the folder that contains the file."""
        return str(PurePosixPath(self.path).parent)

    @property
    def top(self) -> str:
        """Name of the top-level folder."""
        return PurePosixPath(self.path).parts[0]

    @property
    def subpackage(self) -> str | None:
        """Name of the folder one level below the top-level folder; None outside of such folders."""
        parts = PurePosixPath(self.path).parts
        return parts[1] if len(parts) > 2 else None

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.source.splitlines())

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree of the file."""
        return ast.parse(self.source, self.path)

    @property
    def docstring(self) -> str | None:
        """Docstring of the file."""
        return ast.get_docstring(self.tree)


def read_modules(root: Path, folders: Iterable[str]) -> list[Module]:
    """Read every Python file of these top-level folders, `__init__.py` included, sorted by path."""
    files = (file for folder in folders for file in (root / folder).rglob("*.py"))
    modules = [
        Module(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8"))
        for file in files
    ]
    return sorted(modules, key=lambda module: module.path)


def product_layers(root: Path) -> list[list[str]]:
    """Return the product's packages by layer, the highest first, from the layers contract of
    import-linter in pyproject.toml.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"][:1]
    return [[package.strip() for package in layer.split("|")] for layer in layers]


def product_packages(root: Path) -> list[str]:
    """Return the names of the product's top-level packages, those of the highest layer first."""
    return [package for layer in product_layers(root) for package in layer]


def first_sentence(docstring: str | None) -> str:
    """Return the first sentence on one line; empty without a docstring."""
    text = " ".join((docstring or "").split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".")
