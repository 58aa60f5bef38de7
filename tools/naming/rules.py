"""What public names and docstrings must satisfy; every rule returns its findings, one a line."""

from collections import defaultdict
from collections.abc import Collection, Iterator

from tools.naming.definitions import Definition, class_nodes, public_definitions
from tools.naming.first_words import begins_noun_phrase, first_word, is_imperative
from tools.naming.inherited_docstrings import methods_with_inherited_docstring
from tools.source_tree import Module

# The only module names that may recur, because they play the same part in each of these folders.
SAME_PART = {
    "errors": {"intake", "storage"},  # the errors that the whole package raises
    "mlflow": {"models/bow", "models/transformer"},  # finds this kind's files in an MLflow folder
    "train": {"models/bow", "models/transformer"},  # has fit(), which trains this kind of model
}


def repeated_classes(modules: Collection[Module]) -> list[str]:
    """Find class names that are defined twice, private and local classes included."""
    paths = defaultdict(list)
    for module in modules:
        for node in class_nodes(module):
            paths[node.name].append(module.path)
    return [
        f"class {name} is defined in {_listed(where)}: give each a name of its own"
        for name, where in sorted(paths.items())
        if len(where) > 1
    ]


def repeated_modules(modules: Collection[Module]) -> list[str]:
    """Find module names that recur, except where `SAME_PART` allows it."""
    folders = defaultdict(set)
    for module in modules:
        if not module.is_init:
            folders[module.name.rpartition(".")[2]].add(module.folder)
    return [
        f"module name {name} recurs in {_listed(where)}: rename, or add to SAME_PART with a reason"
        for name, where in sorted(folders.items())
        if len(where) > 1 and not where <= SAME_PART.get(name, set())
    ]


def missing_docstrings(modules: Collection[Module]) -> list[str]:
    """Find public names without a docstring.

    A method may inherit its docstring from a base class or from a protocol that its class
    implements, if they are in these modules.
    """
    inherited = methods_with_inherited_docstring(modules)
    return [
        f"{definition.where} has no docstring"
        for definition in _definitions(modules)
        if not definition.docstring and (definition.module.path, definition.name) not in inherited
    ]


def wrong_first_words(modules: Collection[Module]) -> list[str]:
    """Find docstrings of functions that begin with no imperative verb, and others with no noun."""
    return [
        f'{definition.where} begins with "{word}" instead of {expected}'
        for definition in _definitions(modules)
        if definition.docstring
        for word in [first_word(definition.docstring)]
        for expected in [_expected_instead(definition, word)]
        if expected
    ]


def _expected_instead(definition: Definition, word: str) -> str:
    if definition.kind in ("class", "property"):
        is_right = begins_noun_phrase(word) or (
            definition.kind == "property" and word.lower() == "whether"
        )
        return "" if is_right else "a noun"
    return "" if is_imperative(word) else "an imperative verb"


def _definitions(modules: Collection[Module]) -> Iterator[Definition]:
    return (definition for module in modules for definition in public_definitions(module))


def _listed(paths: Collection[str]) -> str:
    return ", ".join(sorted(paths))
