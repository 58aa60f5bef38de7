"""Imports of every form, and the cycles among them."""

import pytest

from tools.import_graph import find_cycles, import_graph, importers_first
from tools.source_tree import read_modules


def graph_of(root, *folders):
    return import_graph(read_modules(root, folders or ["shop", "store"]))


@pytest.mark.parametrize(
    "source",
    [
        "import store.disk",
        "import store.disk as disk",
        "from store import disk",
        "from store.disk import read",
        "def later():\n    from store.disk import read",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import store.disk",
    ],
)
def test_every_form_of_import_counts(write, source):
    root = write({"shop/door.py": source, "store/__init__.py": "", "store/disk.py": ""})
    assert graph_of(root)["shop.door"] == {"store.disk"}


def test_relative_imports_count(write):
    root = write(
        {
            "store/files/disk.py": "from . import tape\nfrom .. import names",
            "store/files/__init__.py": "from .disk import read",
            "store/files/tape.py": "",
            "store/names.py": "",
        }
    )
    graph = graph_of(root)
    assert graph["store.files.disk"] == {"store.files.tape", "store.names"}
    assert graph["store.files"] == {"store.files.disk"}


def test_scripts_import_one_another_without_the_name_of_their_folder(write):
    root = write({"benchmarks/speed.py": "from support.report import show"})
    root = write({"benchmarks/support/report.py": ""})
    assert graph_of(root, "benchmarks")["benchmarks.speed"] == {"benchmarks.support.report"}


def test_modules_outside_of_the_tree_do_not_count(write):
    assert graph_of(write({"shop/door.py": "import json, numpy.random"})) == {"shop.door": set()}


def test_a_cycle_is_found_even_if_one_import_is_deferred(write):
    root = write(
        {
            "shop/a.py": "import shop.b",
            "shop/b.py": "import shop.c",
            "shop/c.py": "def later():\n    import shop.a",
        }
    )
    assert find_cycles(graph_of(root)) == [["shop.a", "shop.b", "shop.c", "shop.a"]]


def test_each_group_that_imports_itself_is_one_cycle():
    graph = {"a": ["b", "c"], "b": ["a"], "c": ["a", "d"], "d": ["e"], "e": ["d"], "f": ["a"]}
    assert find_cycles(graph) == [["a", "b", "a"], ["d", "e", "d"]]


def test_no_cycle_without_a_way_back():
    assert find_cycles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_who_imports_stands_before_what_is_imported():
    assert importers_first({"a": [], "b": ["a"], "c": ["b"]}) == ["c", "b", "a"]
    assert importers_first({"b": ["a", "c"], "a": ["b", "c"], "c": []}) == ["a", "b", "c"]
