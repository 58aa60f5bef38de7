"""A pointer moves in one step, also when several processes move it, and keeps its history."""

from threading import Barrier, Thread

import pytest

from storage.record import Record
from storage.versions.pointer import Pointer


class PointedWords(Record):
    words: tuple[str, ...] = ()


@pytest.fixture
def pointer(any_place):
    return Pointer(any_place, "labelled/current", PointedWords)


def append(word):
    return lambda before: PointedWords(words=(*(before.words if before else ()), word))


def test_a_new_pointer_has_no_value_and_no_history(pointer):
    assert pointer.current() is None
    assert list(pointer.history()) == []


def test_a_move_decides_the_next_value_from_the_current_one(pointer):
    pointer.move(append("one"))
    assert pointer.move(append("two")) == PointedWords(words=("one", "two"))
    assert pointer.current() == PointedWords(words=("one", "two"))
    assert [number for number, _ in pointer.history()] == [2, 1]


def test_without_a_change_no_move_is_made(pointer):
    assert pointer.move(lambda _: None) is None
    pointer.move(append("one"))
    assert pointer.move(lambda before: before) == PointedWords(words=("one",))
    assert [number for number, _ in pointer.history()] == [1]


def test_no_concurrent_move_is_lost(pointer):
    barrier = Barrier(4)

    def mover(word):
        barrier.wait()
        for step in range(5):
            pointer.move(append(f"{word}{step}"))

    threads = [Thread(target=mover, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pointer.current().words) == len(set(pointer.current().words)) == 20


def test_truncate_removes_old_moves_and_never_the_last_one(pointer):
    for word in "abc":
        pointer.move(append(word))
    pointer.truncate(0)
    assert [number for number, _ in pointer.history()] == [3]
    pointer.move(append("d"))
    assert pointer.current().words == tuple("abcd")


def test_a_slow_move_whose_next_number_was_truncated_decides_again(pointer):
    pointer.move(append("first"))
    calls = []

    def decide_slowly(before):
        calls.append(before)
        if len(calls) == 1:
            for number in range(5):
                pointer.move(append(str(number)))
            pointer.truncate(2)
        return PointedWords(words=(*before.words, "last"))

    pointer.move(decide_slowly)
    assert len(calls) == 2
    assert pointer.current().words == ("first", *"01234", "last")


def test_add_moves_without_reading_the_current_value(pointer):
    assert [pointer.add(PointedWords(words=(word,))) for word in "abb"] == [1, 2, 3]
    assert [value.words for _, value in pointer.history()] == [("b",), ("b",), ("a",)]
