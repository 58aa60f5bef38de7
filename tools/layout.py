"""Print how large files and folders are, and check it: `python -m tools.layout --check`.

A folder is one idea of few files, a file is one idea of few lines, and no module imports, by
whatever way, one that imports it. `__init__.py` files are not counted, except in import cycles.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tools.import_graph import find_cycles, import_graph
from tools.source_tree import (
    REPOSITORY,
    SUPPORTING_FOLDERS,
    Module,
    product_packages,
    read_modules,
)

MODULES_IN_A_FOLDER = 12  # at most
MEDIAN_LINES = 100  # of the product's files; the median must be lower
COLUMNS = "{:<12}{:>8}{:>8}  {:<30}{}"


def main(arguments: list[str], root: Path = REPOSITORY) -> int:
    """Print the table, and with `--check` what breaks a limit. Return the exit status."""
    parser = argparse.ArgumentParser(prog="layout", description="Show or check sizes and cycles.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit is exceeded")
    check = parser.parse_args(arguments).check
    packages = product_packages(root)
    modules = read_modules(root, [*packages, *SUPPORTING_FOLDERS])
    product = [module for module in modules if module.top in packages]
    cycles = find_cycles(import_graph(modules))
    print("\n".join(table(modules, product)))
    print(f"import cycles: {len(cycles)}")
    if not check:
        return 0
    found = [
        *unlisted_packages(root, [*packages, *SUPPORTING_FOLDERS]),
        *crowded_folders(modules),
        *long_files(product),
        *(f"import cycle: {' → '.join(cycle)}" for cycle in cycles),
    ]
    print("\n".join([*found, f"layout: {len(found)} findings"]))
    return 1 if found else 0


def unlisted_packages(root: Path, folders: Sequence[str]) -> list[str]:
    """Find packages that no tool reads, because they are in no layer of pyproject.toml."""
    packages = sorted(file.parent.name for file in root.glob("*/__init__.py"))
    return [
        f"{package}/ is in no layer of import-linter: give it a layer in pyproject.toml"
        for package in packages
        if package not in folders
    ]


def crowded_folders(modules: Sequence[Module]) -> list[str]:
    """Find folders with too many modules; those of their sub-folders do not count."""
    return [
        f"{folder}/ has {number} modules, at most {MODULES_IN_A_FOLDER} are allowed: split it"
        for folder, number in sorted(_modules_by_folder(modules).items())
        if number > MODULES_IN_A_FOLDER
    ]


def long_files(product: Sequence[Module]) -> list[str]:
    """Report the product's median number of lines if it is too high."""
    lines = median(module.lines for module in _counted(product))
    if lines < MEDIAN_LINES:
        return []
    return [f"half of the product's files have {lines:g} lines or more: keep under {MEDIAN_LINES}"]


def table(modules: Sequence[Module], product: Sequence[Module]) -> Iterator[str]:
    """Yield a line for every top-level folder, and one for the whole product."""
    yield COLUMNS.format("folder", "modules", "median", "fullest folder", "largest file")
    for top in dict.fromkeys(module.top for module in [*product, *modules]):
        yield _row(top, [module for module in modules if module.top == top])
    yield _row("product", product)


def _row(title: str, modules: Sequence[Module]) -> str:
    counted = _counted(modules)
    if not counted:
        return COLUMNS.format(title, 0, "-", "-", "-")
    largest = max(counted, key=lambda module: module.lines)
    [(folder, most)] = _modules_by_folder(counted).most_common(1)
    lines = f"{median(module.lines for module in counted):g}"
    return COLUMNS.format(
        title, len(counted), lines, f"{most} {folder}/", f"{largest.lines} {largest.path}"
    )


def _modules_by_folder(modules: Sequence[Module]) -> Counter[str]:
    return Counter(module.folder for module in _counted(modules))


def _counted(modules: Sequence[Module]) -> list[Module]:
    return [module for module in modules if not module.is_init]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
