"""The tables that documents take from the code."""

from tools import tables
from tools.source_tree import REPOSITORY


def test_make_tables_restores_a_changed_table_and_keeps_the_text_before_it(tmp_path):
    (tmp_path / "docs").mkdir()
    for path in tables.TABLES:
        page = (REPOSITORY / path).read_text(encoding="utf-8")
        (tmp_path / path).write_text(page[: page.rindex("\n| ")] + "\n| changed |\n")
    tables.main(tmp_path)
    for path in tables.TABLES:
        assert (tmp_path / path).read_bytes() == (REPOSITORY / path).read_bytes()
