"""What a worker measures of itself."""

from time import time

import pytest

from models.guards.peak_memory import peak_memory
from storage.places.place import LocalPlace
from tasks.board.board import Board
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.board.worker_profile import expected_profile, read_profile
from tests.support.models.small_models import MOODS, publish_bow
from tests.support.runs.steps import PREFIX
from workers.scoring.cpu_clock import CpuClock
from workers.scoring.profiler import Profiler


@pytest.fixture
def place(tmp_path):
    place = LocalPlace(tmp_path)
    publish_bow(
        place, "mood", "mood", "one_of", MOODS, ["great", "awful"], ["positive", "negative"]
    )
    return place


@pytest.fixture
def meter_on(place, redis):
    """A profiler of a worker that was started 3 seconds ago, and the way to what is known."""
    board, now = Board(redis, PREFIX), time()

    def meter_on(device):
        worker = Worker("one", "mood", "here", "starting", now, now - 3, 0, 1, device)
        return Profiler(place, board, WorkerSession(board, worker)), lambda: read_profile(
            place, board, "mood"
        )

    return meter_on


@pytest.fixture
def measured(meter_on):
    return meter_on("cpu")


def test_memory_and_start_are_known_once_the_model_is_loaded(measured):
    profiler, known = measured
    guess = known()
    profiler.record_loading(time() - 1, time())
    found = known()
    assert found.start_seconds == pytest.approx(3, abs=1)
    assert found.start_work > 0
    assert found.memory >= min(guess.memory, peak_memory()), (
        "what it takes when it scores is not forgotten"
    )
    assert (found.rate, found.row_seconds) == (guess.rate, guess.row_seconds), "nothing was scored"


def test_chunks_that_overlap_are_not_counted_twice(measured):
    profiler, known = measured
    profiler.record_chunk(1, 1000, 5000, CpuClock(0.0, 0.0), CpuClock(10.0, 4.0))
    assert (known().rate, known().row_seconds) == (pytest.approx(100), pytest.approx(0.004))
    profiler.record_chunk(1, 1000, 5000, CpuClock(1.0, 0.5), CpuClock(20.0, 8.0))
    assert (known().rate, known().row_seconds) == (pytest.approx(100), pytest.approx(0.004))


def test_what_a_row_costs_is_known_for_rows_of_a_length(measured):
    profiler, known = measured
    profiler.record_chunk(1, 1000, 50_000, CpuClock(0.0, 0.0), CpuClock(10.0, 4.0))
    assert known().row_chars == 50
    assert known().seconds(1000, 100_000) == pytest.approx(8), "twice as long"
    assert known().seconds(1000, None) == pytest.approx(4)


def test_on_a_gpu_the_clock_counts(meter_on):
    profiler, known = meter_on("cuda:0")
    profiler.record_chunk(1, 1000, 5000, CpuClock(0.0, 0.0), CpuClock(10.0, 4.0))
    assert known().row_seconds == pytest.approx(0.01)


def test_small_chunks_count_together(measured):
    profiler, known = measured
    for number in range(8):
        profiler.record_chunk(
            1,
            8,
            80,
            CpuClock(float(number), 0.5 * number),
            CpuClock(number + 1.0, 0.5 * number + 0.5),
        )
    assert known().rate == pytest.approx(8)
    assert known().row_seconds == pytest.approx(1 / 16)


def test_what_was_measured_last_is_kept_when_the_worker_ends(measured, place):
    profiler, known = measured
    profiler.record_chunk(1, 1000, 5000, CpuClock(0.0, 0.0), CpuClock(10.0, 10.0))  # kept at once
    # and this is too soon after it
    profiler.record_chunk(1, 9000, 45_000, CpuClock(10.0, 10.0), CpuClock(20.0, 20.0))
    profiler.store()
    assert expected_profile(place, "mood") == known()
