"""The measurements of a scoring worker."""

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
def profiler_on(place, redis):
    """A profiler of a worker that was started 3 seconds ago, and a reader of its profile."""
    board, now = Board(redis, PREFIX), time()

    def profiler_on(device):
        worker = Worker("one", "mood", "here", "starting", now, now - 3, 0, 1, device)
        return Profiler(place, board, WorkerSession(board, worker)), lambda: read_profile(
            place, board, "mood"
        )

    return profiler_on


@pytest.fixture
def measured(profiler_on):
    return profiler_on("cpu")


def test_memory_and_start_up_are_recorded_once_the_model_is_loaded(measured):
    profiler, profile = measured
    estimate = profile()
    profiler.record_loading(time() - 1, time())
    measured_profile = profile()
    assert measured_profile.start_seconds == pytest.approx(3, abs=1)
    assert measured_profile.start_work > 0
    assert measured_profile.memory >= min(estimate.memory, peak_memory()), (
        "the memory while scoring is kept"
    )
    assert (measured_profile.rate, measured_profile.row_seconds) == (
        estimate.rate,
        estimate.row_seconds,
    ), "nothing was scored"


def test_chunks_that_overlap_are_not_counted_twice(measured):
    profiler, profile = measured
    profiler.record_chunk(1, 1000, 5000, CpuClock(0.0, 0.0), CpuClock(10.0, 4.0))
    assert (profile().rate, profile().row_seconds) == (pytest.approx(100), pytest.approx(0.004))
    profiler.record_chunk(1, 1000, 5000, CpuClock(1.0, 0.5), CpuClock(20.0, 8.0))
    assert (profile().rate, profile().row_seconds) == (pytest.approx(100), pytest.approx(0.004))


def test_the_cost_of_a_row_is_recorded_with_its_length(measured):
    profiler, profile = measured
    profiler.record_chunk(1, 1000, 50_000, CpuClock(0.0, 0.0), CpuClock(10.0, 4.0))
    assert profile().row_chars == 50
    assert profile().seconds(1000, 100_000) == pytest.approx(8), "twice as long"
    assert profile().seconds(1000, None) == pytest.approx(4)


def test_on_a_gpu_elapsed_time_is_the_cost(profiler_on):
    profiler, profile = profiler_on("cuda:0")
    profiler.record_chunk(1, 1000, 5000, CpuClock(0.0, 0.0), CpuClock(10.0, 4.0))
    assert profile().row_seconds == pytest.approx(0.01)


def test_small_chunks_are_added_up(measured):
    profiler, profile = measured
    for number in range(8):
        profiler.record_chunk(
            1,
            8,
            80,
            CpuClock(float(number), 0.5 * number),
            CpuClock(number + 1.0, 0.5 * number + 0.5),
        )
    assert profile().rate == pytest.approx(8)
    assert profile().row_seconds == pytest.approx(1 / 16)


def test_the_last_profile_is_stored_when_the_worker_ends(measured, place):
    profiler, profile = measured
    profiler.record_chunk(1, 1000, 5000, CpuClock(0.0, 0.0), CpuClock(10.0, 10.0))  # stored at once
    # too soon after it to be stored
    profiler.record_chunk(1, 9000, 45_000, CpuClock(10.0, 10.0), CpuClock(20.0, 20.0))
    profiler.store()
    assert expected_profile(place, "mood") == profile()
