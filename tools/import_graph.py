"""Which module imports which, and the cycles in it.

All import statements count: those inside functions and those under TYPE_CHECKING too. A module
that is named by a string and imported at run time does not count.
"""

import ast
from collections import deque
from collections.abc import Collection, Iterator, Mapping

from tools.source_tree import Module

Graph = Mapping[str, Collection[str]]  # name → the names that it imports


def import_graph(modules: Collection[Module]) -> dict[str, set[str]]:
    """Return for every module the names of those among `modules` that it imports.

    A script folder has no `__init__.py`; its modules import one another without its name.
    """
    names = {module.name for module in modules}
    packages = {module.name for module in modules if module.is_init}
    graph = {}
    for module in modules:
        script_folder = None if module.top in packages else module.top
        imported = (_resolve(name, names, script_folder) for name in _imported_names(module))
        graph[module.name] = {name for name in imported if name is not None} - {module.name}
    return graph


def find_cycles(graph: Graph) -> list[list[str]]:
    """Return one shortest cycle of every group of names that import one another.

    A cycle begins and ends with its alphabetically first name: ["a", "b", "a"].
    """
    reachable = {name: _reachable(graph, name) for name in graph}
    cycles, done = [], set[str]()
    for name in sorted(graph):
        if name in reachable[name] and name not in done:
            done |= {other for other in reachable[name] if name in reachable[other]}
            cycles.append(_shortest_cycle(graph, name))
    return cycles


def importers_first(graph: Graph) -> list[str]:
    """Sort so that every name stands before those it imports, unless they import it as well."""
    return sorted(graph, key=lambda name: (-len(_reachable(graph, name)), name))


def _imported_names(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                levels = node.level - module.is_init
                parents = module.name.split(".")
                base = ".".join([*parents[: len(parents) - levels], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _resolve(imported: str, names: Collection[str], script_folder: str | None) -> str | None:
    """Return the module of an imported name: itself, or its parent if it is no module."""
    prefixes = [""] if script_folder is None else ["", f"{script_folder}."]
    for candidate in (imported, imported.rpartition(".")[0]):
        for prefix in prefixes:
            if prefix + candidate in names:
                return prefix + candidate
    return None


def _reachable(graph: Graph, start: str) -> set[str]:
    seen, waiting = set[str](), list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(graph[name])
    return seen


def _shortest_cycle(graph: Graph, start: str) -> list[str]:
    paths = deque([[start]])
    seen = set[str]()
    while True:
        path = paths.popleft()
        for name in sorted(graph[path[-1]]):
            if name == start:
                return [*path, start]
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
