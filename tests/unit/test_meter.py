"""What a worker measures of itself: the roster knows what it takes, so that nobody else gets its place."""

import time

import pytest

from tasks.board import Board
from tasks.measured import Needs, keep, needs, note
from tasks.presence import Presence
from tasks.roster import Roster, Worker
from tests.steps import PREFIX
from workers.meter import Meter, peak_memory

BEFORE = 10**12  # bytes: more than this process takes


@pytest.fixture
def board(redis):
    return Board(redis, PREFIX)


@pytest.fixture
def meter(place, board):
    now = time.time()
    starting = Worker("bow-1", "bow", "here", "starting", now, now, memory=1, threads=1)
    return Meter(place, board, Presence(board, starting))


def on_the_roster(board):
    [worker] = Roster(board).workers()
    return worker


def load(meter):
    now = time.time()
    meter.loaded(1, now - 1, now)


def test_a_worker_that_loads_for_the_first_time_counts_with_what_it_takes(meter, board):
    load(meter)
    assert 1 < on_the_roster(board).memory <= peak_memory()
    assert on_the_roster(board).state == "idle"


def test_a_worker_that_has_not_scored_yet_counts_with_what_others_took_that_had(meter, board):
    note(board, "bow", Needs(rate=1.0, start_seconds=1.0, memory=BEFORE))
    load(meter)
    assert on_the_roster(board).memory == BEFORE


def test_what_was_kept_with_the_version_counts_where_the_board_has_forgotten(meter, board, place):
    keep(place, "bow", 1, Needs(rate=1.0, start_seconds=1.0, memory=BEFORE))
    load(meter)
    assert on_the_roster(board).memory == BEFORE


def test_a_worker_that_scores_counts_with_what_that_takes(meter, board, place):
    note(board, "bow", Needs(rate=1.0, start_seconds=1.0, memory=BEFORE))
    load(meter)
    meter.scored(1, 1000, time.monotonic() - 1, time.monotonic())
    assert on_the_roster(board).memory == needs(place, board, "bow").memory < BEFORE
