"""What the picture shows: the product's layers, their packages and sub-packages, and the imports
between layers.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.import_graph import find_cycles, import_graph, importers_first
from tools.source_tree import Module, first_sentence, product_layers, read_modules


@dataclass(frozen=True)
class SubPackage:
    """A folder one level below a top-level package."""

    name: str
    modules: int  # without `__init__.py`
    purpose: str


@dataclass(frozen=True)
class Package:
    """A top-level package: its sub-packages, importers first, and the modules beside them."""

    name: str
    purpose: str
    subpackages: tuple[SubPackage, ...]
    own_modules: tuple[str, ...]


@dataclass(frozen=True)
class PackageMap:
    """Layers from the highest down; `imports` counts pairs of modules by (importing, imported)
    layer.
    """

    layers: tuple[tuple[Package, ...], ...]
    imports: Mapping[tuple[int, int], int]
    has_cycles: bool  # whether sub-packages of one package import one another


def read_package_map(root: Path) -> PackageMap:
    """Read the product's modules and describe them."""
    layers = product_layers(root)
    layer_of = {package: index for index, layer in enumerate(layers) for package in layer}
    modules = {module.name: module for module in read_modules(root, layer_of)}
    graph = import_graph(modules.values())
    pairs = [
        (modules[importing], modules[name])
        for importing, imported in graph.items()
        for name in imported
    ]
    graphs = {package: _subpackage_graph(package, modules, pairs) for package in layer_of}
    return PackageMap(
        tuple(
            tuple(_package(package, modules, graphs[package]) for package in layer)
            for layer in layers
        ),
        Counter((layer_of[importing.top], layer_of[imported.top]) for importing, imported in pairs),
        any(find_cycles(graph) for graph in graphs.values()),
    )


def _package(name: str, modules: Mapping[str, Module], graph: Mapping[str, set[str]]) -> Package:
    return Package(
        name,
        _purpose(modules, name),
        tuple(
            SubPackage(
                subpackage,
                _count(modules, name, subpackage),
                _purpose(modules, f"{name}.{subpackage}"),
            )
            for subpackage in importers_first(graph)
        ),
        tuple(
            module.name.partition(".")[2]
            for module in modules.values()
            if module.top == name and module.subpackage is None and not module.is_init
        ),
    )


def _subpackage_graph(
    package: str, modules: Mapping[str, Module], pairs: Sequence[tuple[Module, Module]]
) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {
        module.subpackage: set()
        for module in modules.values()
        if module.top == package and module.subpackage
    }
    for importing, imported in pairs:
        inside = importing.top == imported.top == package
        if inside and importing.subpackage and imported.subpackage:
            graph[importing.subpackage] |= {imported.subpackage} - {importing.subpackage}
    return graph


def _count(modules: Mapping[str, Module], package: str, subpackage: str) -> int:
    return sum(
        module.top == package and module.subpackage == subpackage and not module.is_init
        for module in modules.values()
    )


def _purpose(modules: Mapping[str, Module], name: str) -> str:
    return first_sentence(modules[name].docstring) if name in modules else ""
