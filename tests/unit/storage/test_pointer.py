"""A pointer moves in one step, whoever else moves it, and remembers where it was."""

from threading import Barrier, Thread

import pytest

from storage.record import Record
from storage.versions.pointer import Pointer


class Said(Record):
    words: tuple[str, ...] = ()


@pytest.fixture
def pointer(any_place):
    return Pointer(any_place, "labelled/current", Said)


def adding(word):
    return lambda before: Said(words=(*(before.words if before else ()), word))


def test_it_says_nothing_before_the_first_move(pointer):
    assert pointer.current() is None
    assert list(pointer.history()) == []


def test_it_says_what_the_last_move_made_of_the_one_before(pointer):
    pointer.move(adding("one"))
    assert pointer.move(adding("two")) == Said(words=("one", "two"))
    assert pointer.current() == Said(words=("one", "two"))
    assert [number for number, _ in pointer.history()] == [2, 1]


def test_no_move_is_made_for_nothing(pointer):
    assert pointer.move(lambda _: None) is None
    pointer.move(adding("one"))
    assert pointer.move(lambda before: before) == Said(words=("one",))
    assert [number for number, _ in pointer.history()] == [1]


def test_of_many_movers_at_once_none_undoes_another(pointer):
    together = Barrier(4)

    def mover(word):
        together.wait()
        for time in range(5):
            pointer.move(adding(f"{word}{time}"))

    threads = [Thread(target=mover, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pointer.current().words) == len(set(pointer.current().words)) == 20


def test_old_moves_are_forgotten_and_the_last_one_never(pointer):
    for word in "abc":
        pointer.move(adding(word))
    pointer.truncate(0)
    assert [number for number, _ in pointer.history()] == [3]
    pointer.move(adding("d"))
    assert pointer.current().words == tuple("abcd")


def test_who_has_fallen_behind_so_far_that_his_number_is_free_again_decides_anew(pointer):
    pointer.move(adding("first"))
    asked = []

    def slowly(before):
        asked.append(before)
        if len(asked) == 1:
            for number in range(5):
                pointer.move(adding(str(number)))
            pointer.truncate(2)
        return Said(words=(*before.words, "last"))

    pointer.move(slowly)
    assert len(asked) == 2
    assert pointer.current().words == ("first", *"01234", "last")


def test_what_is_added_follows_what_was_said_last(pointer):
    assert [pointer.add(Said(words=(word,))) for word in "abb"] == [1, 2, 3]
    assert [said.words for _, said in pointer.history()] == [("b",), ("b",), ("a",)]
