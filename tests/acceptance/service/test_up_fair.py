"""`chorus up` with more work than workers: customers and models take turns, queues stay short."""

import shutil

import pytest

from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from models.interface.manifest import ModelCard, ModelSpec, ModelTarget
from models.publishing.registry import ModelRegistry
from storage.places.place import LocalPlace
from storage.records.jobs import read_end
from tasks.board import keys
from tasks.planning.dispatch import pause_dispatch
from tests.support.models.small_models import MOODS
from tests.support.runs.command import Command, with_site
from tests.support.runs.running_service import (
    SUBMITTED,
    numbered_texts,
    running_service,
    written_parts,
)
from tests.support.runs.waiting import wait_until

LARGE, CHUNK_ROWS = 600, 4  # rows: no short upload, in 150 chunks
CHUNKS = LARGE // CHUNK_ROWS
MODELS = [f"custom-{number:02}" for number in range(8)]


@pytest.fixture(scope="module")
def up(registry, tmp_path_factory):
    """A service in which all customers use mood-bow, which has one worker."""
    home = shutil.copytree(registry, tmp_path_factory.mktemp("fair") / "home")
    (home / "customers.toml").write_text('default = "plain"\n')
    (home / "chorus.toml").write_text("[defaults]\nmax = 1\n")
    with running_service(Command(home, light=True)) as up:
        yield up


def test_a_small_upload_finishes_while_most_of_an_earlier_large_one_waits(up):
    large = up.submit("one", numbered_texts(LARGE, "large"), chunk_rows=2, name="large")
    wait_until(lambda: written_parts(large), "the large one to begin")
    small = up.submit("two", numbered_texts(10, "small"), chunk_rows=10, name="small")
    up.wait_for(small)
    assert written_parts(large) < LARGE / 4, "of 300 chunks"
    up.wait_for(large)


def test_large_uploads_of_two_customers_progress_side_by_side_and_the_queues_stay_short(up):
    board = up.context.board
    pause_dispatch(board, "mood-bow", 60)  # until both are there
    jobs = [
        up.submit(customer, numbered_texts(LARGE, customer), CHUNK_ROWS, name="both")
        for customer in ("one", "two")
    ]
    board.redis.delete(board.key(keys.PAUSED, "mood-bow"))
    seen, apart = set(), set()

    def done():
        counts = [written_parts(job) for job in jobs]
        apart.add(abs(counts[0] - counts[1]))
        seen.add(up.waiting("mood-bow"))
        return all(read_end(up.place, job.id) for job in jobs)

    wait_until(done, "both to end")
    assert max(apart) < CHUNKS / 4
    scoring, control = zip(*seen, strict=True)
    assert max(scoring) <= 6, "what one worker may be asked for"
    assert max(control) <= 100
    assert max(control) > 0, "they were looked at while there was something in them"


def test_all_jobs_finish_with_more_models_than_fit_in_memory(tmp_path):
    home, files = tmp_path / "home", tmp_path / "files"
    place, customers = LocalPlace(home), []
    files.mkdir()
    (files / "pipeline.skops").write_bytes(b"tests.support.models.light_model reads nothing of it")
    question, card = ModelTarget(name="mood", mode="one_of"), ModelCard(data="none")
    for name in MODELS:
        spec = ModelSpec(kind="bow", target=question, labels=MOODS, card=card)
        ModelRegistry(place).publish(name, files, spec, SUBMITTED)
        target = Target(name="mood", mode="one_of", members=(Member(model=name),))
        EnsembleRegistry(place).publish(name, Ensemble(targets=(target,)), SUBMITTED)
        customers.append(f'[customers.{name}]\nensemble = "{name}"\n')
    (home / "customers.toml").write_text("".join(customers))
    (home / "chorus.toml").write_text('[defaults]\nmemory = "1 GB"\n')
    seen = set()
    with running_service(Command(home, light=True, CHORUS_MEMORY="3000", CHORUS_CORES="4")) as up:
        jobs = [up.submit(name, numbered_texts(3)) for name in MODELS]

        def done():
            seen.add(len(up.scoring()))
            return all(read_end(place, job.id) for job in jobs)

        wait_until(done, "all models to have had their turn", seconds=180)
        for job in jobs:
            assert up.wait_for(job).rows_labelled == 3
    assert max(seen) == 3


def test_a_model_that_no_worker_can_load_fails_its_jobs_with_the_end_of_the_log(home, tmp_path):
    code = (
        "import os, sys\nif 'mood-bow' in sys.orig_argv:\n"
        "    print('it is too large for this machine', flush=True)\n    os._exit(3)\n"
    )
    with running_service(Command(home, PYTHONPATH=with_site(tmp_path, code))) as up:
        job = up.submit("plain", numbered_texts(3))
        state = wait_until(lambda: read_end(up.place, job.id), "the job to end")
        log = home / "run" / "logs" / "mood-bow.log"
        assert state.status == "failed"
        for expected in ("mood-bow", str(log), "it is too large for this machine"):
            assert expected in state.error
        assert log.read_text().count("too large") == 4, "it was tried again, and not for ever"
        assert not up.scoring(), "nobody asks for the model any more"
