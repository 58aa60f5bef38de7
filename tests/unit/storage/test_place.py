"""The contract of a place, the same on a disk and in an object store."""

import threading
from pathlib import Path

import pytest

from storage.places import object_place
from storage.places.open_place import open_place
from storage.places.place import Absent, CannotWrite, Differs, LocalPlace, UnknownScheme


def test_a_created_file_can_be_read(any_place):
    assert any_place.create("a/b.txt", b"one", durable=True)
    assert any_place.read("a/b.txt") == b"one"
    assert any_place.exists("a/b.txt")
    with any_place.local_file("a/b.txt") as file:
        assert file.read_bytes() == b"one"


def test_creating_an_existing_file_leaves_it_unchanged(any_place):
    any_place.create("a", b"one")
    assert not any_place.create("a", b"two")
    assert any_place.read("a") == b"one"


def test_verifying_equal_bytes_succeeds_and_other_bytes_are_an_error(any_place):
    any_place.create_or_verify("a", b"one")
    any_place.create_or_verify("a", b"one")
    with pytest.raises(Differs) as caught:
        any_place.create_or_verify("a", b"two")
    assert caught.value.url == any_place.url_of("a")
    assert any_place.read("a") == b"one"


def test_names_may_have_special_characters(any_place):
    odd = ["a b+c", "customer=acme", "half#way", "ümlaut", "50%", "why?"]
    for name in odd:
        any_place.create(f"x/{name}", name.encode())
    assert any_place.names("x") == sorted(odd)
    assert [any_place.read(f"x/{name}").decode() for name in odd] == odd


def test_replace_overwrites_the_file(any_place):
    any_place.replace("aliases.json", b"1")
    any_place.replace("aliases.json", b"2")
    assert any_place.read("aliases.json") == b"2"


def test_names_are_those_directly_below_a_folder(any_place):
    for path in ("x/b", "x/a", "x/deep/c", "y"):
        any_place.create(path, b"")
    assert any_place.names("x") == ["a", "b", "deep"]
    assert any_place.names("nothing") == []


def test_clearing_a_folder_removes_its_files_and_keeps_those_in_subfolders(any_place):
    for path in ("x/b", "x/a", "x/deep/c", "y/d"):
        any_place.create(path, b"")
    any_place.clear("x")
    any_place.clear("y")
    any_place.clear("nothing")
    assert any_place.names("x") == ["deep"]
    assert any_place.names("") == ["x"]


def test_clearing_the_root_of_a_place_keeps_subfolders_and_removes_files_of_any_name(any_place):
    for path in ("file", "tmp", "deep/c"):  # "/tmp" is a folder outside the place
        any_place.create(path, b"")
    any_place.clear("")
    assert any_place.names("") == ["deep"]


def test_reading_a_missing_file_is_an_error_that_names_it(any_place):
    with pytest.raises(Absent, match="nothing"):
        any_place.read("nothing")
    with pytest.raises(Absent), any_place.local_file("nothing"):
        pass


def test_a_file_can_be_removed_and_removing_it_again_is_no_error(any_place):
    any_place.create("a", b"")
    any_place.remove("a")
    any_place.remove("a")
    assert not any_place.exists("a")


def test_flushing_many_files_or_none_succeeds(any_place):
    names = [f"part-{number}" for number in range(20)]
    for name in names:
        any_place.create(f"out/{name}", b"data")
    any_place.flush("out", names)
    any_place.flush("never-made", [])


def test_flushing_a_missing_file_is_an_error_that_names_it(tmp_path):
    place = open_place(str(tmp_path))
    names = ["part-19"]
    place.create("out/part-19", b"data")
    with pytest.raises(Absent, match="part-20"):
        place.flush("out", [*names, "part-20"])


def test_of_many_threads_that_create_one_file_exactly_one_succeeds(any_place):
    place, start, made = any_place, threading.Barrier(8), []

    def create(number):
        start.wait()
        made.append(place.create("same", b"%d" % number * 100_000))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    assert len(set(place.read("same"))) == 1, "bytes of two writers were mixed"


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    place = LocalPlace(tmp_path)
    place.create("folder", b"a file where a folder is needed")
    with pytest.raises(CannotWrite, match="folder"):
        place.create("folder/file", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_temporary_files_of_a_killed_writer_are_not_listed(tmp_path):
    Path(tmp_path, ".new-killed").write_bytes(b"half")
    assert LocalPlace(tmp_path).names("") == []


def test_an_unknown_scheme_is_refused_and_the_error_names_the_allowed_ones():
    with pytest.raises(UnknownScheme, match="gs://") as caught:
        open_place("gopher://x/y")
    assert caught.value.exit_status == 2


def test_a_bucket_url_without_a_bucket_is_refused():
    with pytest.raises(UnknownScheme, match="names no bucket"):
        open_place("gs:///root")


def test_without_the_client_library_the_error_names_the_install_command(monkeypatch):
    monkeypatch.setattr(object_place, "find_spec", lambda _: None)
    with pytest.raises(UnknownScheme, match=r"pip install 'chorus\[gcp\]'"):
        open_place("gs://bucket/root")
