"""Which methods need no docstring of their own, because the method that they implement has one.

Classes are looked up by their name alone: no name may be defined twice (see rules.py).
"""

import ast
from collections.abc import Collection

from tools.naming.definitions import class_nodes, last_name, public_definitions
from tools.source_tree import Module


def methods_with_inherited_docstring(modules: Collection[Module]) -> set[tuple[str, str]]:
    """Return (path, `Class.method`) of every public method that overrides one with a docstring, or
    implements one of a protocol.
    """
    bases = _bases(modules)
    definitions = [
        definition
        for module in modules
        for definition in public_definitions(module)
        if definition.kind in ("method", "property")
    ]
    documented = {definition.name for definition in definitions if definition.docstring}

    def inherits(class_name: str, method: str) -> bool:
        return any(
            f"{base}.{method}" in documented or inherits(base, method)
            for base in bases.get(class_name, set()) - {class_name}
        )

    return {
        (definition.module.path, definition.name)
        for definition in definitions
        if inherits(*definition.name.split("."))
    }


def _bases(modules: Collection[Module]) -> dict[str, set[str]]:
    """Return the named base classes of every class, and the protocols whose methods it all has."""
    nodes = {node.name: node for module in modules for node in class_nodes(module)}
    bases = {name: {last_name(base) for base in node.bases} for name, node in nodes.items()}
    methods = {name: _methods(node) for name, node in nodes.items()}
    protocols = {name for name in nodes if "Protocol" in bases[name] and methods[name]}
    for name in nodes.keys() - protocols:
        bases[name] |= {protocol for protocol in protocols if methods[protocol] <= methods[name]}
    return bases


def _methods(node: ast.ClassDef) -> set[str]:
    return {
        member.name
        for member in node.body
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
    }
