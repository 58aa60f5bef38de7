"""Which labels count follows from the moves: those asked for last, whoever moved in which order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storage.versions.active_labels import Current, Label, Move, current, point, together

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

labels = st.builds(
    Label,
    job=st.sampled_from("vwxyz"),
    at=st.integers(0, 5).map(lambda days: BEGIN + timedelta(days=days)),
)
moves = st.lists(
    st.builds(
        Move,
        datasets=st.dictionaries(st.sampled_from("abc"), labels),
        run=st.none() | st.just("night"),
    ),
    max_size=8,
)


@given(moves)
def test_the_label_that_counts_was_asked_for_no_earlier_than_any_other_of_its_dataset(said):
    found = together(said)
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
    whole = together(before)
    one = Move(datasets=whole.datasets, run=whole.run, keep=whole.keep, whole=True)
    assert together([*after, one, *before]) == together([*after, one])
    assert together([*after, one]).datasets == together([*after, *before]).datasets


def test_a_move_stays_as_small_as_what_is_new_and_old_ones_go(place):
    for number in range(200):
        point(place, "acme", {f"dataset{number}": Label(job=f"job{number}", at=BEGIN)})
    files = place.names("labelled/customer=acme/_current")
    assert len(files) < 110
    sizes = sorted(len(place.read(f"labelled/customer=acme/_current/{name}")) for name in files)
    assert sizes[len(files) - 5] < 300, "but for the few that say all"
    assert current(place, "acme").datasets.keys() == {f"dataset{number}" for number in range(200)}


def test_a_run_says_how_many_old_labels_stay(any_place):
    point(any_place, "acme", {"a": Label(job="x", at=BEGIN)})
    assert current(any_place, "acme") == Current(
        datasets={"a": Label(job="x", at=BEGIN)}, run=None, keep=1
    )
    point(any_place, "acme", {"a": Label(job="y", at=BEGIN)}, "night", 3)
    point(any_place, "acme", {"b": Label(job="z", at=BEGIN)})
    found = current(any_place, "acme")
    assert (found.run, found.keep, found.datasets["a"].job) == ("night", 3, "y")
