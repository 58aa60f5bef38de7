"""Check what a document refers to: `tasks/steps/score.py:score` or its file, links, headings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REFERENCE = re.compile(r"`(?P<path>[\w./-]+/[\w-]+\.py)(?::(?P<name>[\w.]+)(?:\(\))?)?`")
LINK = re.compile(r"\]\((?![a-z]+:)(?P<path>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")
HEADING = re.compile(r"^#+ +(?P<title>.+?) *$", re.MULTILINE)


def broken_references(document: Path, root: Path) -> list[str]:
    """Find references to a file, function, class, method, constant or heading that is not there."""
    if not document.is_file():
        return [f"{document.relative_to(root)} does not exist"]
    findings = []
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{document.relative_to(root)}:{number}"
        for path, name in REFERENCE.findall(line):
            file = next(filter(Path.is_file, (root / path, document.parent / path)), None)
            if file is None:
                findings.append(f"{where}: {path} does not exist")
            elif name and name not in set(_names(ast.parse(file.read_text(encoding="utf-8")).body)):
                findings.append(f"{where}: {path} does not define {name}")
        findings += [f"{where}: {finding}" for finding in _broken_links(line, document)]
    return findings


def _broken_links(line: str, document: Path) -> Iterator[str]:
    """Yield what is wrong with the relative links of a line."""
    for path, heading in LINK.findall(line):
        target = document.parent / path if path else document
        if not target.exists():
            yield f"{path} does not exist"
        elif heading and heading not in _anchors(target.read_text(encoding="utf-8")):
            yield f"{path or 'this page'} has no heading #{heading}"


def _anchors(markdown: str) -> set[str]:
    """Return the names by which links reach headings, made as GitHub makes them."""
    titles = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(markdown))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


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
