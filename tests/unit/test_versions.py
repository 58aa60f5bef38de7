"""Shelves: numbered versions that never change, aliases that move."""

import pytest

from storage.place import LocalPlace
from storage.versions import NotPublished, Shelf


@pytest.fixture
def shelf(tmp_path):
    return Shelf(LocalPlace(tmp_path), "models", "manifest.json")


def publish(shelf, name="bow"):
    version = shelf.claim(name)
    shelf.fill(name, version, {"weights": b"w"}, b"{}")
    return version


def test_versions_are_numbered_from_one_and_the_first_is_champion(shelf):
    assert [publish(shelf), publish(shelf)] == [1, 2]
    assert shelf.versions("bow") == [1, 2]
    assert shelf.resolve("bow") == 1
    assert shelf.names() == ["bow"]


def test_two_publishers_at_once_get_two_versions(shelf):
    assert shelf.claim("bow") != shelf.claim("bow")


def test_a_version_whose_publisher_died_is_not_there_and_its_number_is_not_used_again(shelf):
    shelf.claim("bow")
    assert shelf.versions("bow") == []
    assert publish(shelf) == 2
    assert shelf.versions("bow") == [2]


def test_an_alias_moves_and_can_be_resolved(shelf):
    publish(shelf), publish(shelf)
    shelf.point("bow", "champion", 2)
    shelf.point("bow", "challenger", 1)
    assert (shelf.resolve("bow"), shelf.resolve("bow", "challenger"), shelf.resolve("bow", 1)) == (2, 1, 1)


@pytest.mark.parametrize("wanted", [3, "nobody"])
def test_what_is_not_published_is_refused_with_what_is(shelf, wanted):
    publish(shelf)
    with pytest.raises(NotPublished, match=r"1, champion"):
        shelf.resolve("bow", wanted)
    with pytest.raises(NotPublished, match="bow"):
        shelf.resolve("minilm")


def test_an_alias_cannot_point_at_nothing(shelf):
    publish(shelf)
    with pytest.raises(NotPublished):
        shelf.point("bow", "champion", 7)
    assert shelf.resolve("bow") == 1
