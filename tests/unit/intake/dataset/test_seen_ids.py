"""The ids that an upload has had so far."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake.dataset import seen_ids as seen_ids_module
from intake.dataset.seen_ids import SeenIds

IDS = st.text(st.sampled_from("ab\u00e9\U0001f600\"'\\1 "), min_size=1, max_size=3)


@pytest.fixture(params=["as it is", "files", "equal parts"])
def _storage_of_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as it is, with every merged run in files and merged slice by slice, and with first parts
    that are mostly equal.
    """
    if request.param == "files":
        monkeypatch.setattr(seen_ids_module, "MAX_IDS_IN_MEMORY", 0)
        monkeypatch.setattr(seen_ids_module, "MERGE_SLICE", 2)
    if request.param == "equal parts":
        whole = seen_ids_module.hash_ids
        monkeypatch.setattr(
            seen_ids_module,
            "hash_ids",
            lambda ids: whole(ids) if len(ids[0]) > 16 else whole(ids) % 2,
        )


@pytest.mark.usefixtures("_storage_of_runs")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(IDS, max_size=6), max_size=24))
def test_the_first_use_of_an_id_counts_within_and_across_blocks(blocks: list[list[str]]) -> None:
    seen_before: set[str] = set()
    seen_ids = SeenIds()
    for block in blocks:
        expected = []
        for position, id_ in enumerate(block):
            if id_ in seen_before:
                expected.append(position)
            seen_before.add(id_)
        assert seen_ids.add(block) == expected


def test_ids_differ_if_they_are_spelled_differently() -> None:
    seen_ids = SeenIds()
    assert seen_ids.add(["1", "01", "1.0", "A", "a", "null", "true"]) == []
    assert seen_ids.add(["1", "A"]) == [0, 1]


def test_hundreds_of_blocks_are_remembered_in_a_few_runs() -> None:
    seen_ids = SeenIds()
    for block in range(300):
        assert seen_ids.add([f"{block}-{row}" for row in range(20)]) == []
    assert seen_ids.add(["299-19", "new", "0-0", "new"]) == [0, 2, 3]
    assert len(seen_ids.runs()) < 15
