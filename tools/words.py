"""List the product's public names with their docstrings, or check them: `make words`.

python -m tools.words            the listing, and how often each first word occurs
python -m tools.words --check    only what breaks a rule; the exit status is 1 if anything does
"""

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from textwrap import fill

from tools.naming import rules
from tools.naming.definitions import public_definitions
from tools.naming.first_words import first_word
from tools.source_tree import (
    REPOSITORY,
    SUPPORTING_FOLDERS,
    Module,
    first_sentence,
    product_packages,
    read_modules,
)

WIDTH = 100  # characters in a line of the listing


def main(arguments: list[str], root: Path = REPOSITORY) -> int:
    """Print the listing, or with `--check` the findings. Return the exit status."""
    parser = argparse.ArgumentParser(prog="words", description="List or check public names.")
    parser.add_argument("--check", action="store_true", help="print only what breaks a rule")
    check = parser.parse_args(arguments).check
    modules = read_modules(root, product_packages(root))
    if check:
        broken = findings(modules, read_modules(root, SUPPORTING_FOLDERS))
        print("\n".join([*broken, f"words: {len(broken)} findings"]))
        return 1 if broken else 0
    print("\n".join(listing(modules)))
    return 0


def findings(modules: Collection[Module], supporting: Collection[Module]) -> list[str]:
    """Return what breaks a naming rule, one line each; class names count in all modules."""
    return [
        *rules.repeated_classes([*modules, *supporting]),
        *rules.repeated_modules(modules),
        *rules.missing_docstrings(modules),
        *rules.wrong_first_words(modules),
    ]


def listing(modules: Collection[Module]) -> Iterator[str]:
    """Yield every module with its public names, a line each, and last the counted first words."""
    words = Counter[str]()
    for module in modules:
        definitions = list(public_definitions(module))
        if not definitions and module.is_init:
            continue
        yield _cut(f"{module.path}  {first_sentence(module.docstring)}")
        for definition in definitions:
            docstring = (definition.docstring or "").partition("\n")[0]
            yield _cut(f"    {definition.name}: {docstring or '-'}")
            if definition.docstring:
                words[first_word(definition.docstring)] += 1
    yield ""
    yield "First words of docstrings, and how often each occurs:"
    ordered = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    yield fill(", ".join(f"{word} {count}" for word, count in ordered), WIDTH)


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
