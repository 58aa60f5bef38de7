"""Write the tables that the documents take from the code: `make tables`.

python -m tools.tables            writes the tables
python -m tools.tables --check    fails if a table differs from the code
"""

import argparse
import sys
from pathlib import Path

from chorus.common import settings_table
from tasks.board import keys
from tools.source_tree import REPOSITORY

TABLES = {
    "docs/settings.md": settings_table.markdown_table,
    "docs/redis-keys.md": keys.markdown_table,
}


def replace_table(page: str, table: str) -> str:
    """Replace the table that ends a page.

    >>> print(replace_table("# Keys\\n\\n| key |\\n|---|\\n| a |\\n", "| key |\\n|---|\\n| b |\\n"))
    # Keys
    <BLANKLINE>
    | key |
    |---|
    | b |
    <BLANKLINE>
    """
    text, _, _ = page.rpartition("\n\n|")
    return f"{text}\n\n{table}"


def main(arguments: list[str], root: Path = REPOSITORY) -> int:
    """Write the table at the end of each page, or with `--check` print the stale ones.

    Return the exit status.
    """
    parser = argparse.ArgumentParser(prog="tables", description="Write or check the tables.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if stale")
    check = parser.parse_args(arguments).check
    pages = {root / path: table() for path, table in TABLES.items()}
    texts = {file: file.read_text(encoding="utf-8") for file in pages}
    stale = [file for file in pages if replace_table(texts[file], pages[file]) != texts[file]]
    if check:
        findings = [f"{file.relative_to(root)} is stale: run `make tables`" for file in stale]
        print("\n".join([*findings, f"tables: {len(stale)} findings"]))
        return 1 if stale else 0
    for file in stale:
        file.write_text(replace_table(texts[file], pages[file]), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
