"""The version that an alias has after its moves, and the one that a rollback goes back to."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from storage.versions.aliases import AliasMove, alias_stack

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def moves_to(*versions, by="promote"):
    return [AliasMove(version=version, at=NOW, by=by) for version in versions]


def test_a_rollback_removes_the_versions_after_the_one_it_goes_to():
    assert alias_stack(moves_to(1, 2, 3)) == (1, 2, 3)
    assert alias_stack([*moves_to(1, 2, 3), *moves_to(2, by="rollback")]) == (1, 2)
    assert alias_stack([*moves_to(1, 2, 3), *moves_to(2, 1, by="rollback"), *moves_to(4)]) == (1, 4)
    assert alias_stack([*moves_to(1, 2), *moves_to(1, by="rollback")]) == (1,)


@given(st.lists(st.integers(1, 4)))
def test_each_rollback_goes_one_step_back_until_the_first_version(versions):
    moves = moves_to(*versions)
    stack = alias_stack(moves)
    while len(stack) > 1:
        moves += moves_to(stack[-2], by="rollback")
        shorter = alias_stack(moves)
        assert shorter == stack[:-1]
        stack = shorter


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["promote", "rollback"])), min_size=1))
def test_the_current_version_is_that_of_the_last_move(versions):
    moves = [AliasMove(version=version, at=NOW, by=by) for version, by in versions]
    assert alias_stack(moves)[-1] == versions[-1][0]
