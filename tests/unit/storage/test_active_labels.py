"""The active labels that follow from moves: of each dataset, those that were requested last."""

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

LABELS = st.builds(
    ActiveLabel,
    job=st.sampled_from("vwxyz"),
    at=st.integers(0, 5).map(lambda days: BEGIN + timedelta(days=days)),
)
MOVES = st.lists(
    st.builds(
        LabelMove,
        datasets=st.dictionaries(st.sampled_from("abc"), LABELS),
        run=st.none() | st.just("night"),
    ),
    max_size=8,
)


@given(MOVES)
def test_the_active_label_of_a_dataset_was_requested_no_earlier_than_any_other(moves):
    active = merge_moves(moves)
    for dataset in {name for move in moves for name in move.datasets}:
        latest = max(move.datasets[dataset].at for move in moves if dataset in move.datasets)
        assert active.datasets[dataset].job in {
            label.job for move in moves for name, label in move.datasets.items() if name == dataset
        }
        latest_jobs = {
            label.job
            for move in moves
            for name, label in move.datasets.items()
            if (name, label.at) == (dataset, latest)
        }
        assert active.datasets[dataset].job in latest_jobs


@given(MOVES, MOVES)
def test_a_whole_move_stands_for_all_moves_before_it(before, after):
    active = merge_moves(before)
    whole = LabelMove(datasets=active.datasets, run=active.run, keep=active.keep, whole=True)
    assert merge_moves([*after, whole, *before]) == merge_moves([*after, whole])
    assert merge_moves([*after, whole]).datasets == merge_moves([*after, *before]).datasets


def test_a_move_has_only_the_changed_datasets_and_old_moves_are_removed(place):
    for number in range(200):
        set_active_labels(
            place, "acme", {f"dataset{number}": ActiveLabel(job=f"job{number}", at=BEGIN)}
        )
    files = place.names("labelled/customer=acme/_current")
    assert len(files) < 110
    sizes = sorted(len(place.read(f"labelled/customer=acme/_current/{name}")) for name in files)
    assert sizes[len(files) - 5] < 300, "only the few whole moves are larger"
    assert read_active_labels(place, "acme").datasets.keys() == {
        f"dataset{number}" for number in range(200)
    }


def test_the_last_run_sets_how_many_earlier_labels_are_kept(any_place):
    set_active_labels(any_place, "acme", {"a": ActiveLabel(job="x", at=BEGIN)})
    assert read_active_labels(any_place, "acme") == ActiveLabels(
        datasets={"a": ActiveLabel(job="x", at=BEGIN)}, run=None, keep=1
    )
    set_active_labels(any_place, "acme", {"a": ActiveLabel(job="y", at=BEGIN)}, "night", 3)
    set_active_labels(any_place, "acme", {"b": ActiveLabel(job="z", at=BEGIN)})
    active = read_active_labels(any_place, "acme")
    assert (active.run, active.keep, active.datasets["a"].job) == ("night", 3, "y")
