"""The tables that documents take from the code."""

import pytest

from tools import tables
from tools.source_tree import REPOSITORY


@pytest.fixture
def root(tmp_path):
    """A repository whose pages have other tables than the code."""
    (tmp_path / "docs").mkdir()
    for path in tables.TABLES:
        page = (REPOSITORY / path).read_text(encoding="utf-8")
        (tmp_path / path).write_text(page[: page.rindex("\n\n|")] + "\n\n| changed |\n")
    return tmp_path


def test_make_tables_restores_a_changed_table_and_keeps_the_text_before_it(root):
    assert tables.main([], root) == 0
    for path in tables.TABLES:
        assert (root / path).read_bytes() == (REPOSITORY / path).read_bytes()


def test_check_names_stale_tables_and_writes_nothing(root, capsys):
    before = {path: (root / path).read_bytes() for path in tables.TABLES}
    assert tables.main(["--check"], root) == 1
    assert capsys.readouterr().out.splitlines() == [
        *(f"{path} is stale: run `make tables`" for path in tables.TABLES),
        "tables: 2 findings",
    ]
    assert {path: (root / path).read_bytes() for path in tables.TABLES} == before
    tables.main([], root)
    assert tables.main(["--check"], root) == 0
