"""Check the references from a document to the code: `tasks/steps/score.py:score` in backticks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REFERENCE = re.compile(r"`(?P<path>[\w./-]+/[\w-]+\.py):(?P<name>[\w.]+)(?:\(\))?`")


def broken_references(document: Path, root: Path) -> list[str]:
    """Find references to a file, function, class, method or constant that does not exist."""
    if not document.is_file():
        return [f"{document.relative_to(root)} does not exist"]
    findings = []
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        for path, name in REFERENCE.findall(line):
            where = f"{document.relative_to(root)}:{number}"
            if not (root / path).is_file():
                findings.append(f"{where}: {path} does not exist")
            elif name not in set(_names(ast.parse((root / path).read_text(encoding="utf-8")).body)):
                findings.append(f"{where}: {path} does not define {name}")
    return findings


def _names(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Yield the names that a module or class defines, with those of its classes as `Class.name`."""
    for node in body:
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                yield prefix + name
            case ast.ClassDef(name):
                yield prefix + name
                yield from _names(node.body, f"{prefix}{name}.")
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                yield prefix + name
