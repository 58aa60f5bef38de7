"""The picture that is drawn from the imports, and the references of its page."""

from xml.etree import ElementTree as Xml

import pytest

from tools import architecture
from tools.doc_references import broken_references
from tools.drawing.package_map import read_package_map
from tools.drawing.picture import draw

FILES = {
    "shop/__init__.py": '"""The counter. Sells."""',
    "shop/door.py": "import cart.wheels.left\nimport store.disk",
    "cart/wheels/__init__.py": '"""What rolls."""',
    "cart/wheels/left.py": "from cart.parts import bolt\nfrom store import disk",
    "cart/wheels/right.py": "",
    "cart/parts/bolt.py": "",
    "till/key.py": "",
    "store/__init__.py": "",
    "store/disk.py": "def read(): ...\n\n\nclass Disk:\n    size = 1\n\n    def spin(self): ...\n",
    "docs/architecture.md": "See `store/disk.py:read` and `store/disk.py:Disk.spin`.\n",
}


@pytest.fixture
def root(write):
    """A repository whose picture is up to date."""
    root = write(FILES)
    assert architecture.main([], root) == 0
    return root


def texts(root):
    picture = Xml.fromstring((root / "docs/architecture.svg").read_text())  # noqa: S314
    return [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_the_map_counts_modules_and_imports_between_layers(root):
    package_map = read_package_map(root)
    [[shop], [cart, till], [store]] = package_map.layers
    assert (shop.purpose, shop.own_modules, shop.subpackages) == ("The counter", ("door",), ())
    assert [(sub.name, sub.modules, sub.purpose) for sub in cart.subpackages] == [
        ("wheels", 2, "What rolls"),
        ("parts", 1, ""),
    ]
    assert (till.own_modules, store.own_modules) == (("key",), ("disk",))
    assert package_map.imports == {(0, 1): 1, (0, 2): 1, (1, 1): 1, (1, 2): 1}
    assert not package_map.has_cycles


def test_the_picture_names_packages_subpackages_and_counts(root):
    shown = texts(root)
    for text in ("shop", "The counter", "door.py", "cart", "wheels", "2", "till", "store"):
        assert text in shown


def test_the_picture_claims_an_order_only_without_cycles(root, write):
    assert any("only from later ones" in text for text in texts(root))
    architecture.main([], write({"cart/parts/bolt.py": "import cart.wheels.right"}))
    assert read_package_map(root).has_cycles
    assert not any("only from later ones" in text for text in texts(root))


def test_many_modules_outside_of_subpackages_are_counted_instead_of_named(root, write):
    architecture.main([], write({f"till/key{number}.py": "" for number in range(12)}))
    assert "13 modules" in texts(root)


def test_the_picture_is_the_same_each_time(root):
    assert draw(read_package_map(root)) == (root / "docs/architecture.svg").read_text()


def test_check_passes_while_picture_and_page_are_true(root, capsys):
    assert architecture.main(["--check"], root) == 0
    assert capsys.readouterr().out == "architecture: 0 findings\n"


@pytest.mark.parametrize("change", [{"till/new.py": ""}, {"docs/architecture.svg": "<svg/>"}])
def test_check_fails_when_the_picture_differs(root, write, capsys, change):
    write(change)
    assert architecture.main(["--check"], root) == 1
    assert "run `make architecture` and commit it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reference", "finding"),
    [
        ("store/tape.py:read", "store/tape.py does not exist"),
        ("store/tape.py", "store/tape.py does not exist"),
        ("store/disk.py:write", "store/disk.py does not define write"),
        ("store/disk.py:Disk.stop", "store/disk.py does not define Disk.stop"),
        ("store/disk.py:spin", "store/disk.py does not define spin"),
    ],
)
def test_check_fails_on_a_reference_to_nothing(root, write, capsys, reference, finding):
    write({"docs/architecture.md": f"One.\nSee `{reference}`.\n"})
    assert architecture.main(["--check"], root) == 1
    assert f"docs/architecture.md:2: {finding}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("link", "finding"),
    [
        ("gone.md", "gone.md does not exist"),
        ("page.md#closing", "page.md has no heading #closing"),
        ("#closing", "this page has no heading #closing"),
    ],
)
def test_check_fails_on_a_link_to_nothing_in_any_document(root, write, capsys, link, finding):
    write(
        {"docs/page.md": "# Opening\n", "docs/guides/page.md": "", "docs/other.md": f"[a]({link})"}
    )
    assert architecture.main(["--check"], root) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"docs/other.md:1: {finding}",
        "architecture: 1 findings",
    ]


def test_links_to_files_headings_and_the_web_pass(write):
    links = "[a](b.md) [b](b.md#a-b-and-c) [c](#top) [d](https://e.org/#f) [e](mailto:a@b.c)"
    root = write({"docs/a.md": f"# Top\n{links}", "docs/b.md": "## A, `b` and [c](a.md)\n"})
    assert broken_references(root / "docs/a.md", root) == []


def test_references_to_functions_methods_classes_and_constants_pass(write):
    references = ("read", "Disk", "Disk.spin", "Disk.size", "read()")
    page = " ".join(f"`store/disk.py:{name}`" for name in references)
    root = write({**FILES, "docs/page.md": f"{page} `redis://host:port` store/gone.py:x"})
    assert broken_references(root / "docs/page.md", root) == []


def test_a_missing_page_is_reported(write):
    root = write({})
    assert broken_references(root / "docs/page.md", root) == ["docs/page.md does not exist"]
