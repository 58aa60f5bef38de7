"""The version store: numbered versions that never change, and aliases that move."""

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
def store(any_place):
    return VersionStore(any_place, "models", "manifest.json")


def publish(store, name="bow"):
    version = store.claim(name)
    store.write_version(name, version, {"weights": b"w"}, b"{}", NOW)
    return version


def test_versions_are_numbered_from_one_and_the_first_is_champion(store):
    assert [publish(store), publish(store)] == [1, 2]
    assert store.versions("bow") == [1, 2]
    assert store.resolve("bow") == 1
    assert store.names() == ["bow"]


def test_two_publishers_at_once_get_two_versions(store):
    assert store.claim("bow") != store.claim("bow")


def test_a_version_whose_publisher_died_does_not_exist_and_its_number_is_not_reused(store):
    store.claim("bow")
    assert store.versions("bow") == []
    assert publish(store) == 2
    assert store.versions("bow") == [2]


def test_of_two_concurrent_first_versions_one_becomes_champion(store):
    barrier = Barrier(2)

    def publish_first(_):
        barrier.wait()
        return publish(store)

    with ThreadPoolExecutor(2) as pool:
        versions = sorted(pool.map(publish_first, range(2)))
    assert versions == store.versions("bow") == [1, 2]
    assert [move.by for _, move in store.history("bow")] == ["publish"]


def test_an_alias_moves_and_can_be_resolved(store):
    publish(store), publish(store)
    store.promote("bow", 2, NOW)
    store.promote("bow", 1, NOW, "challenger")
    assert (store.resolve("bow"), store.resolve("bow", "challenger"), store.resolve("bow", 1)) == (
        2,
        1,
        1,
    )
    assert store.aliases("bow") == {"challenger": 1, "champion": 2}


def test_the_history_has_every_move_and_promoting_the_current_version_is_none(store):
    publish(store), publish(store)
    for minutes, version in enumerate((2, 2, 1)):
        store.promote("bow", version, NOW + timedelta(minutes=minutes))
    store.promote("bow", 2, NOW + timedelta(minutes=1), "challenger")
    assert [
        (alias, move.version, move.by, (move.at - NOW).seconds)
        for alias, move in store.history("bow")
    ] == [
        ("champion", 1, "promote", 120),
        ("challenger", 2, "promote", 60),
        ("champion", 2, "promote", 0),
        ("champion", 1, "publish", 0),
    ]


def test_rolling_back_twice_goes_two_steps_back(store):
    for _ in range(3):
        store.promote("bow", publish(store), NOW)
    assert [store.roll_back("bow", NOW), store.roll_back("bow", NOW)] == [2, 1]
    with pytest.raises(NoEarlierVersion, match="is at version 1, and no version that it had"):
        store.roll_back("bow", NOW)
    with pytest.raises(NoEarlierVersion, match="no alias challenger"):
        store.roll_back("bow", NOW, "challenger")
    assert [move.by for _, move in store.history("bow")][:2] == ["rollback"] * 2


def test_concurrent_rollbacks_each_go_one_step_back(tmp_path):
    store, barrier = VersionStore(LocalPlace(tmp_path), "models", "manifest.json"), Barrier(3)
    for _ in range(5):
        store.promote("bow", publish(store), NOW)

    def roll_back_once(_):
        barrier.wait()
        return store.roll_back("bow", NOW)

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(roll_back_once, range(3))) == [2, 3, 4]
    assert store.resolve("bow") == 2


def test_rolling_back_skips_removed_versions(store):
    for _ in range(3):
        store.promote("bow", publish(store), NOW)
    store.remove("bow", 2)
    assert store.roll_back("bow", NOW) == 1


def test_a_removed_version_does_not_exist_and_its_number_is_not_reused(store):
    publish(store), publish(store)
    store.remove("bow", 2)
    assert store.versions("bow") == [1]
    assert "weights" not in store.place.names(store.folder("bow", 2))
    assert publish(store) == 3
    with pytest.raises(NotPublished):
        store.remove("bow", 7)


def test_a_partly_removed_version_does_not_exist_and_can_be_removed_again(store, monkeypatch):
    publish(store), publish(store)
    with monkeypatch.context() as patch:
        removing = store.place.remove

        def interrupted(path):
            if path.endswith("weights"):
                raise KeyboardInterrupt
            removing(path)

        patch.setattr(store.place, "remove", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.remove("bow", 2)
    assert store.versions("bow") == [1]
    store.remove("bow", 2)
    assert "weights" not in store.place.names(store.folder("bow", 2))


@pytest.mark.parametrize("version_or_alias", [3, "unknown"])
def test_resolving_an_unpublished_version_is_an_error_that_lists_the_published_ones(
    store, version_or_alias
):
    publish(store)
    with pytest.raises(NotPublished, match=r"1, champion"):
        store.resolve("bow", version_or_alias)
    with pytest.raises(NotPublished, match="bow"):
        store.resolve("minilm")


def test_an_alias_cannot_name_an_unpublished_version(store):
    publish(store)
    with pytest.raises(NotPublished):
        store.promote("bow", 7, NOW)
    assert store.resolve("bow") == 1


@pytest.mark.parametrize(("alias", "error"), [("2", AliasIsNumber), ("../other", BadName)])
def test_an_alias_is_a_word_and_a_valid_folder_name(store, alias, error):
    publish(store)
    with pytest.raises(error):
        store.promote("bow", 1, NOW, alias)
