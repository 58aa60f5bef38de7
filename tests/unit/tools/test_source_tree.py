"""The modules of a repository, and the product's packages as import-linter's layers name them."""

from tools.source_tree import first_sentence, product_layers, product_packages, read_modules


def test_modules_are_sorted_and_know_where_they_stand(write):
    root = write({"store/files/disk.py": "", "store/__init__.py": '"""Files."""\n', "notes.py": ""})
    package, disk = read_modules(root, ["store"])
    assert (package.name, package.is_init, package.docstring) == ("store", True, "Files.")
    assert (disk.name, disk.folder, disk.top) == ("store.files.disk", "store/files", "store")
    assert (package.subpackage, disk.subpackage) == (None, "files")


def test_the_layers_contract_names_the_product(write):
    root = write({})
    assert product_layers(root) == [["shop"], ["cart", "till"], ["store"]]
    assert product_packages(root) == ["shop", "cart", "till", "store"]


def test_a_first_sentence_ends_at_a_full_stop_or_a_blank_line():
    assert first_sentence("Keep\nfiles. Or not.") == "Keep files"
    assert first_sentence("Keep files\n\nMore.") == "Keep files"
    assert first_sentence(None) == ""
