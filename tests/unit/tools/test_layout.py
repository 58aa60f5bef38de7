"""Limits on folders, files and cycles."""

import pytest

from tools import layout


@pytest.fixture
def check(write, capsys):
    """Write a repository and check it: the exit status and what was printed."""

    def check(files):
        status = layout.main(["--check"], write(files))
        return status, capsys.readouterr().out

    return check


def numbered(folder, number):
    return {f"{folder}/m{index}.py": "" for index in range(number)}


def test_twelve_modules_in_a_folder_pass_and_its_init_does_not_count(check):
    status, printed = check({**numbered("shop", 12), "shop/__init__.py": ""})
    assert status == 0
    assert "layout: 0 findings" in printed


@pytest.mark.parametrize("folder", ["shop/door", "tests/unit", "benchmarks", "tools", "examples"])
def test_thirteen_modules_in_a_folder_fail(check, folder):
    status, printed = check({**numbered(folder, 13), "shop/one.py": ""})
    assert status == 1
    assert f"{folder}/ has 13 modules" in printed


def test_a_median_of_a_hundred_lines_fails_and_one_below_passes(check):
    files = {"shop/a.py": "a = 1\n" * 100, "shop/b.py": "b = 1\n" * 150, "store/c.py": ""}
    status, printed = check(files)
    assert status == 1
    assert "half of the product's files have 100 lines or more" in printed
    assert check({"shop/a.py": "a = 1\n" * 99})[0] == 0


def test_long_tests_do_not_count_for_the_median(check):
    assert check({"shop/a.py": "", "tests/test_a.py": "a = 1\n" * 150})[0] == 0


def test_an_import_cycle_fails(check):
    cycle = {"shop/a.py": "import shop.b", "shop/b.py": "def later():\n    import shop.a"}
    status, printed = check(cycle)
    assert status == 1
    assert "import cycle: shop.a → shop.b → shop.a" in printed


def test_the_table_shows_each_folder_and_the_product(write, capsys):
    root = write({"shop/a.py": "a = 1\n" * 3, "store/files/b.py": "b = 1\n", "tests/test_a.py": ""})
    assert layout.main([], root) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [
        ["shop", "1", "3", "1", "shop/", "3", "shop/a.py"],
        ["store", "1", "1", "1", "store/files/", "1", "store/files/b.py"],
        ["tests", "1", "0", "1", "tests/", "0", "tests/test_a.py"],
        ["product", "2", "2", "1", "shop/", "3", "shop/a.py"],
        ["import", "cycles:", "0"],
    ]


def test_without_check_a_broken_limit_only_shows_in_the_table(write):
    assert layout.main([], write(numbered("shop", 13))) == 0


def test_a_package_outside_of_the_layers_fails(write, capsys):
    root = write({"shop/door.py": "", "attic/__init__.py": "", "attic/box.py": ""})
    assert layout.main(["--check"], root) == 1
    assert "attic/ is in no layer of import-linter" in capsys.readouterr().out
