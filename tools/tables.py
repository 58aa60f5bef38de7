"""Write the tables that the documents take from the code: `make tables`."""

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


def main(root: Path = REPOSITORY) -> None:
    """Write the table at the end of each page; its text before the table stays."""
    for path, table in TABLES.items():
        page = (root / path).read_text(encoding="utf-8")
        (root / path).write_text(replace_table(page, table()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
