"""Where an alias stands, and what a rollback goes back to."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from storage.versions.aliases import AliasMove, alias_stack

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def moved(*versions, by="promote"):
    return [AliasMove(version=version, at=NOW, by=by) for version in versions]


def test_a_rollback_takes_back_what_came_after_the_version_that_it_went_to():
    assert alias_stack(moved(1, 2, 3)) == (1, 2, 3)
    assert alias_stack([*moved(1, 2, 3), *moved(2, by="rollback")]) == (1, 2)
    assert alias_stack([*moved(1, 2, 3), *moved(2, 1, by="rollback"), *moved(4)]) == (1, 4)
    assert alias_stack([*moved(2), *moved(1, by="rollback")], before=1) == (1,)


@given(st.lists(st.integers(1, 4)), st.none() | st.integers(1, 4))
def test_as_many_rollbacks_as_moves_lead_back_to_the_beginning(versions, before):
    moves = moved(*versions)
    stood = alias_stack(moves, before)
    while len(stood) > 1:
        moves += moved(stood[-2], by="rollback")
        shorter = alias_stack(moves, before)
        assert shorter == stood[:-1]
        stood = shorter


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["promote", "rollback"])), min_size=1))
def test_it_stands_where_the_last_move_put_it(moves):
    history = [AliasMove(version=version, at=NOW, by=by) for version, by in moves]
    assert alias_stack(history)[-1] == moves[-1][0]
