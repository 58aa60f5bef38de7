"""Which labels count follows from the moves: those asked for last, whoever moved in which order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storage.versions.active_labels import (
    ActiveLabel,
    ActiveLabels,
    LabelMove,
    merge_moves,
    read_active_labels,
    set_active_labels,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

labels = st.builds(
    ActiveLabel,
    job=st.sampled_from("vwxyz"),
    at=st.integers(0, 5).map(lambda days: BEGIN + timedelta(days=days)),
)
moves = st.lists(
    st.builds(
        LabelMove,
        datasets=st.dictionaries(st.sampled_from("abc"), labels),
        run=st.none() | st.just("night"),
    ),
    max_size=8,
)


@given(moves)
def test_the_label_that_counts_was_asked_for_no_earlier_than_any_other_of_its_dataset(said):
    found = merge_moves(said)
    for dataset in {name for move in said for name in move.datasets}:
        latest = max(move.datasets[dataset].at for move in said if dataset in move.datasets)
        assert found.datasets[dataset].job in {
            label.job for move in said for name, label in move.datasets.items() if name == dataset
        }
        same = {
            label.job
            for move in said
            for name, label in move.datasets.items()
            if (name, label.at) == (dataset, latest)
        }
        assert found.datasets[dataset].job in same


@given(moves, moves)
def test_a_whole_move_says_what_those_before_it_said(before, after):
    whole = merge_moves(before)
    one = LabelMove(datasets=whole.datasets, run=whole.run, keep=whole.keep, whole=True)
    assert merge_moves([*after, one, *before]) == merge_moves([*after, one])
    assert merge_moves([*after, one]).datasets == merge_moves([*after, *before]).datasets


def test_a_move_stays_as_small_as_what_is_new_and_old_ones_go(place):
    for number in range(200):
        set_active_labels(
            place, "acme", {f"dataset{number}": ActiveLabel(job=f"job{number}", at=BEGIN)}
        )
    files = place.names("labelled/customer=acme/_current")
    assert len(files) < 110
    sizes = sorted(len(place.read(f"labelled/customer=acme/_current/{name}")) for name in files)
    assert sizes[len(files) - 5] < 300, "but for the few that say all"
    assert read_active_labels(place, "acme").datasets.keys() == {
        f"dataset{number}" for number in range(200)
    }


def test_a_run_says_how_many_old_labels_stay(any_place):
    set_active_labels(any_place, "acme", {"a": ActiveLabel(job="x", at=BEGIN)})
    assert read_active_labels(any_place, "acme") == ActiveLabels(
        datasets={"a": ActiveLabel(job="x", at=BEGIN)}, run=None, keep=1
    )
    set_active_labels(any_place, "acme", {"a": ActiveLabel(job="y", at=BEGIN)}, "night", 3)
    set_active_labels(any_place, "acme", {"b": ActiveLabel(job="z", at=BEGIN)})
    found = read_active_labels(any_place, "acme")
    assert (found.run, found.keep, found.datasets["a"].job) == ("night", 3, "y")
