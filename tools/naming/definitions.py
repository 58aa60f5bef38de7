"""The public classes, functions and methods of a module, with their docstrings."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tools.source_tree import Module

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A public name; that of a method is `Class.method`."""

    module: Module
    name: str
    kind: Literal["class", "function", "method", "property"]
    line: int
    docstring: str | None

    @property
    def where(self) -> str:
        """Position as `path:line: name`, which editors open."""
        return f"{self.module.path}:{self.line}: {self.name}"


def public_definitions(module: Module) -> Iterator[Definition]:
    """Yield the public classes with their public methods, and the public functions, in order.

    Overloads and property setters are left out, because the name they share is listed once.
    """
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and _is_public(node):
            yield Definition(module, node.name, "class", node.lineno, ast.get_docstring(node))
            for method in node.body:
                if isinstance(method, Function) and _is_public(method):
                    kind: Literal["method", "property"] = (
                        "property" if _decorators(method) & PROPERTIES else "method"
                    )
                    name = f"{node.name}.{method.name}"
                    yield Definition(module, name, kind, method.lineno, ast.get_docstring(method))
        elif isinstance(node, Function) and _is_public(node):
            yield Definition(module, node.name, "function", node.lineno, ast.get_docstring(node))


def class_nodes(module: Module) -> Iterator[ast.ClassDef]:
    """Yield every class of the module, private and nested ones too."""
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef))


def last_name(expression: ast.expr) -> str:
    """Return the last name of an expression: `click.Group` and `Group[int]` are Group."""
    match expression:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=inner) | ast.Call(func=inner):
            return last_name(inner)
    return ""


PROPERTIES = {"property", "cached_property"}
_REPEATS = {"overload", "setter", "deleter"}


def _is_public(node: ast.ClassDef | Function) -> bool:
    return not node.name.startswith("_") and not _decorators(node) & _REPEATS


def _decorators(node: ast.ClassDef | Function) -> set[str]:
    return {last_name(decorator) for decorator in node.decorator_list}
