"""What a worker measures of itself."""

from time import time

import pytest

from models.peak_memory import peak_memory
from storage.place import LocalPlace
from tasks.board import Board
from tasks.measured import needs
from tasks.presence import Presence
from tasks.roster import Worker
from tests.small_models import MOODS, publish_bow
from tests.steps import PREFIX
from workers.meter import Meter


@pytest.fixture
def measured(tmp_path, redis):
    """A meter of a worker that was started 3 seconds ago, and the way to what is known."""
    place, board = LocalPlace(tmp_path), Board(redis, PREFIX)
    publish_bow(place, "mood", "mood", "one_of", MOODS, ["great", "awful"], ["positive", "negative"])
    now = time()
    meter = Meter(place, board, Presence(board, Worker("one", "mood", "here", "starting", now, now - 3, 0, 1)))
    return meter, lambda: needs(place, board, "mood")


def test_memory_and_start_are_known_once_the_model_is_loaded(measured):
    meter, known = measured
    guess = known()
    meter.loaded(time() - 1, time())
    found = known()
    assert found.start_seconds == pytest.approx(3, abs=1)
    assert found.memory >= min(guess.memory, peak_memory()), "what it takes when it scores is not forgotten"
    assert found.rate == guess.rate, "nothing was scored"


def test_chunks_that_overlap_are_not_counted_twice(measured):
    meter, known = measured
    meter.scored(1, 1000, began=0.0, ended=10.0)
    assert known().rate == pytest.approx(100)
    meter.scored(1, 1000, began=1.0, ended=20.0)
    assert known().rate == pytest.approx(100)


def test_small_chunks_count_together(measured):
    meter, known = measured
    for number in range(8):
        meter.scored(1, 8, began=float(number), ended=number + 1.0)
    assert known().rate == pytest.approx(8)
