"""Shelves: numbered versions that never change, aliases that move."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from storage.names import BadName
from storage.places.place import LocalPlace
from storage.versions.aliases import AliasIsNumber, NoEarlierVersion
from storage.versions.version_store import NotPublished, VersionStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shelf(any_place):
    return VersionStore(any_place, "models", "manifest.json")


def publish(shelf, name="bow"):
    version = shelf.claim(name)
    shelf.write_version(name, version, {"weights": b"w"}, b"{}", NOW)
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


def test_of_two_who_publish_the_first_versions_at_once_one_makes_the_champion(shelf):
    together = Barrier(2)

    def publisher(_):
        together.wait()
        return publish(shelf)

    with ThreadPoolExecutor(2) as pool:
        made = sorted(pool.map(publisher, range(2)))
    assert made == shelf.versions("bow") == [1, 2]
    assert [move.by for _, move in shelf.history("bow")] == ["publish"]


def test_an_alias_moves_and_can_be_resolved(shelf):
    publish(shelf), publish(shelf)
    shelf.promote("bow", 2, NOW)
    shelf.promote("bow", 1, NOW, "challenger")
    assert (shelf.resolve("bow"), shelf.resolve("bow", "challenger"), shelf.resolve("bow", 1)) == (
        2,
        1,
        1,
    )
    assert shelf.aliases("bow") == {"challenger": 1, "champion": 2}


def test_every_move_of_an_alias_is_remembered_and_where_it_is_already_is_no_move(shelf):
    publish(shelf), publish(shelf)
    for minutes, version in enumerate((2, 2, 1)):
        shelf.promote("bow", version, NOW + timedelta(minutes=minutes))
    shelf.promote("bow", 2, NOW + timedelta(minutes=1), "challenger")
    assert [
        (alias, move.version, move.by, (move.at - NOW).seconds)
        for alias, move in shelf.history("bow")
    ] == [
        ("champion", 1, "promote", 120),
        ("challenger", 2, "promote", 60),
        ("champion", 2, "promote", 0),
        ("champion", 1, "publish", 0),
    ]


def test_rolling_back_twice_goes_two_steps_back(shelf):
    for _ in range(3):
        shelf.promote("bow", publish(shelf), NOW)
    assert [shelf.roll_back("bow", NOW), shelf.roll_back("bow", NOW)] == [2, 1]
    with pytest.raises(NoEarlierVersion, match="is at version 1, and no version that it had"):
        shelf.roll_back("bow", NOW)
    with pytest.raises(NoEarlierVersion, match="no alias challenger"):
        shelf.roll_back("bow", NOW, "challenger")
    assert [move.by for _, move in shelf.history("bow")][:2] == ["rollback"] * 2


def test_of_many_who_roll_back_at_once_each_goes_a_step(tmp_path):
    shelf, together = VersionStore(LocalPlace(tmp_path), "models", "manifest.json"), Barrier(3)
    for _ in range(5):
        shelf.promote("bow", publish(shelf), NOW)

    def back(_):
        together.wait()
        return shelf.roll_back("bow", NOW)

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(back, range(3))) == [2, 3, 4]
    assert shelf.resolve("bow") == 2


def test_rolling_back_passes_over_what_was_removed(shelf):
    for _ in range(3):
        shelf.promote("bow", publish(shelf), NOW)
    shelf.remove("bow", 2)
    assert shelf.roll_back("bow", NOW) == 1


def test_aliases_of_an_older_root_hold_and_are_what_was_before_the_first_move(shelf):
    publish(shelf), publish(shelf)
    for alias in ("champion", "challenger"):
        for move in shelf.place.names(f"registry/models/bow/aliases/{alias}"):
            shelf.place.remove(f"registry/models/bow/aliases/{alias}/{move}")
    shelf.place.create(
        "registry/models/bow/aliases.json", b'{"aliases": {"champion": 2, "challenger": 1}}'
    )
    publish(shelf)
    assert shelf.aliases("bow") == {"challenger": 1, "champion": 2}
    shelf.promote("bow", 3, NOW)
    assert shelf.aliases("bow") == {"challenger": 1, "champion": 3}
    assert shelf.roll_back("bow", NOW) == 2


def test_a_removed_version_is_absent_and_its_number_is_not_used_again(shelf):
    publish(shelf), publish(shelf)
    shelf.remove("bow", 2)
    assert shelf.versions("bow") == [1]
    assert "weights" not in shelf.place.names(shelf.folder("bow", 2))
    assert publish(shelf) == 3
    with pytest.raises(NotPublished):
        shelf.remove("bow", 7)


def test_a_version_that_was_removed_by_half_is_absent_and_can_be_removed_again(shelf, monkeypatch):
    publish(shelf), publish(shelf)
    with monkeypatch.context() as patch:
        removing = shelf.place.remove

        def interrupted(path):
            if path.endswith("weights"):
                raise KeyboardInterrupt
            removing(path)

        patch.setattr(shelf.place, "remove", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shelf.remove("bow", 2)
    assert shelf.versions("bow") == [1]
    shelf.remove("bow", 2)
    assert "weights" not in shelf.place.names(shelf.folder("bow", 2))


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
        shelf.promote("bow", 7, NOW)
    assert shelf.resolve("bow") == 1


@pytest.mark.parametrize(("alias", "error"), [("2", AliasIsNumber), ("../other", BadName)])
def test_an_alias_is_a_word_that_can_be_a_folder(shelf, alias, error):
    publish(shelf)
    with pytest.raises(error):
        shelf.promote("bow", 1, NOW, alias)
