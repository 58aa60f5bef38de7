"""A model that raises, returns NaN, hangs or dies on a text: only that text is rejected."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.interface.compute import Compute
from storage.places.place import LocalPlace
from tasks.steps.fault_isolation import IsolatedScoringFailed
from tests.support.models import failing_model
from tests.support.runs.command import Command, with_site
from tests.support.runs.waiting import wait_until
from workers.scoring.isolated_model import IsolatedModel, IsolationFailed
from workers.scoring.model_cache import ModelCache

TEXTS = [
    "great",
    "this is nan",
    "awful",
    "this will raise",
    "so happy",
    "this will kill it",
    "hate it",
    "very good",
]
REASONS = {
    1: "answered with values that are not finite",
    3: "ValueError: cannot read this",
    5: "ended by signal SIGKILL",
}


@contextmanager
def isolated(home, initializer=failing_model.install_light, seconds=60.0):
    model = IsolatedModel(LocalPlace(home), "mood-bow", 1, Compute(threads=1), initializer, seconds)
    try:
        yield model
    finally:
        model.stop()


def texts(*some):
    return pa.array(some, pa.string())


def test_an_isolated_model_gives_the_scores_of_a_loaded_model(home):
    with (
        ModelCache(LocalPlace(home), Compute()).use("mood-bow", 1) as loaded,
        isolated(home, failing_model.install) as isolated_model,
    ):
        assert (isolated_model.digest, isolated_model.labels) == (loaded.digest, loaded.labels)
        assert np.array_equal(
            isolated_model.score(texts("great", "awful")), loaded.score(texts("great", "awful"))
        )
        assert isolated_model.score(texts()).shape == (0, 2)


def test_the_failure_of_a_text_is_reported_and_the_next_text_is_scored(home):
    with isolated(home, seconds=3.0) as model:
        for word, reason in (
            ("kill", "^ended by signal SIGKILL$"),
            ("segfault", "^ended by signal SIGSEGV$"),
            ("exit", "^ended its process with status 3$"),
            ("raise", "^ValueError: cannot read this$"),
            ("hang", "^took longer than 3 s$"),
        ):
            with pytest.raises(IsolatedScoringFailed, match=reason):
                model.score(texts("great", word))
            assert model.score(texts("great")).shape == (1, 2)


def test_signals_to_the_process_group_do_not_count_as_the_fault_of_a_text(home):
    with isolated(home) as model:
        assert model.score(texts("interrupt")).shape == (1, 2)


def test_the_isolated_process_imports_no_pandas(home):
    with (
        isolated(home, failing_model.install_without_pandas) as model,
        pytest.raises(IsolatedScoringFailed, match="pandas is not imp"),
    ):
        model.score(texts("pandas"))


def test_a_model_that_cannot_be_loaded_does_not_count_as_the_fault_of_a_text(home):
    (home / "registry/models/mood-bow/1/pipeline.skops").write_bytes(b"something else")
    with pytest.raises(IsolationFailed, match=r"mood-bow version 1 .*SHA-256"), isolated(home):
        pytest.fail("it was handed out")


def test_only_one_copy_of_a_model_is_in_memory(home):
    cache = ModelCache(LocalPlace(home), Compute())
    with cache.use("mood-bow", 1) as first:
        pass
    with cache.isolated("mood-bow", 1) as alone:
        assert alone.score(texts("great")).shape == (1, 2)
    with cache.use("mood-bow", 1) as second:
        assert second is not first


def test_the_isolated_process_ends_when_its_worker_is_killed(home):
    """The parent is started like a worker; the isolated process must not run its script again."""
    code = f"""
import sys
from pathlib import Path
from models.interface.compute import Compute
from storage.places.place import LocalPlace
from tests.support.models import failing_model
from workers.scoring.isolated_model import IsolatedModel
import pyarrow as pa
if __name__ == "__main__":
    place = LocalPlace(Path({str(home)!r}))
    model = IsolatedModel(place, "mood-bow", 1, Compute(), failing_model.install)
    print(model._process.pid, flush=True)
    model.score(pa.array(["hang"]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as worker:
        pid = int(worker.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        worker.kill()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the process to end")


@pytest.fixture
def failing_chorus(home, tmp_path):
    """The command line, with models that fail on some texts in every process."""
    return Command(
        home,
        PYTHONPATH=with_site(
            tmp_path,
            "from tests.support.models import failing_model\nfailing_model.install_light()\n",
        ),
    )


def details_of(answer):
    """Return id → detail of the rows that models rejected."""
    tables = [pq.read_table(rejects, partitioning=None) for rejects in answer["rejects_of_models"]]
    return {row["id"]: row["detail"] for table in tables for row in table.to_pylist()}


def texts_in_logs(home, texts):
    """Return those of these texts that a log of this machine has."""
    logs = [path.read_text() for path in (home / "run/logs").iterdir()]
    assert any("attempt 1 at chunk" in log for log in logs), "the failure is logged"
    return [text for text in texts if any(text in log for log in logs)]


def test_a_job_completes_with_the_rows_rejected_that_make_a_model_fail(failing_chorus, upload):
    """In the first chunk the texts make the model fail, in the second they kill the worker."""
    failing_chorus.env["CHORUS_CHUNK_ROWS"] = "5"
    path = upload(
        [*((f"r{at}", text) for at, text in enumerate(TEXTS)), ("empty", ""), ("light", "pandas")]
    )
    ended = failing_chorus("score", path, "--customer", "plain", "--json")
    assert ended.status == 0, ended.err
    answer = ended.json
    assert answer["status"] == "done"
    assert (answer["rows_in"], answer["rows_labelled"], answer["rows_rejected"]) == (10, 5, 5)
    assert answer["reasons"] == {"no text": 1, "model failed": 4}
    assert len(answer["rejects_of_models"]) == 2, "one for each chunk"
    assert details_of(answer) == {
        **{f"r{at}": f"mood-bow 1: {reason}" for at, reason in REASONS.items()},
        # pandas is blocked in the isolated process as in the worker
        "light": "mood-bow 1: ValueError: pandas is not imported",
    }
    assert not texts_in_logs(failing_chorus.home, TEXTS)
    again = failing_chorus.here("score", path, "--customer", "plain")
    assert "10 rows in, 5 labelled, 5 rejected (no text 1, model failed 4)" in again.out
    assert f"{answer['output']}/_rejects-*.parquet" in again.out
    assert f"1 rows: mood-bow 1: {REASONS[3]}" in again.out
    state = failing_chorus.here("status", answer["job"], "--json").json
    assert (state["labelled"], state["rejected"]) == (5, 5)


def test_a_model_that_fails_on_every_text_fails_the_job_with_the_reason(
    failing_chorus, home, upload, tmp_path
):
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "from models.bow.sklearn_scorer import BowScorer\nBowScorer.load = lambda _: None\n"
        "def infer(self, prepared):\n    raise ValueError(f'no: {prepared}')\n"
        "BowScorer.infer = infer\n"
    )
    ended = failing_chorus(
        "score", upload([("1", "great"), ("2", "awful")]), "--customer", "plain", "--json"
    )
    assert ended.status == 1
    assert "mood-bow version 1 cannot score chunk" in ended.err
    assert "a harmless text fails as well: ValueError: no" in ended.err
    assert "Traceback" not in ended.err
    assert not texts_in_logs(home, ["great", "awful"])
    assert not list((home / "scores").rglob("*.arrow"))
