"""Promotion of new versions during jobs, and reprocessing with them, from the command line."""

import shutil

import pyarrow.parquet as pq
import pytest

from ensemble.spec import EnsembleRegistry
from storage.places.place import LocalPlace
from storage.records.jobs import read_job
from storage.records.labelled_output import is_complete
from storage.records.runs import open_runs, read_run_end
from storage.records.scores import scored_chunks
from storage.versions.active_labels import read_active_labels
from tasks.planning.record_cache import dataset_of
from tests.support.models.small_models import MOODS, PUBLISHED, _moods, publish_bow
from tests.support.runs.command import Command, with_site
from tests.support.runs.running_service import numbered_texts, running_service, written_parts
from tests.support.runs.steps import store_dataset
from tests.support.runs.waiting import wait_until

ROWS = [("1", "great"), ("2", "awful"), ("3", "very good"), ("4", "terrible")]


@pytest.fixture
def chorus(home):
    return Command(home, light=True)


def publish_version(home, model="mood-bow"):
    """Publish the next version of a model, without promoting it."""
    return publish_bow(LocalPlace(home), model, "mood", "one_of", MOODS, *_moods(9)).version


def workers_of(home):
    """Return the models whose worker was started."""
    logs = {log.stem for log in (home / "run/logs").glob("*.log")}
    return sorted(logs - {"commands", "control"})


def moods_of(output):
    return pq.read_table(output, partitioning=None)["mood"].to_pylist()


def test_only_changed_models_score_again_and_the_new_labels_become_active(chorus, home, upload):
    done = chorus("score", upload(ROWS), "--json")
    assert done.status == 0, done.err
    before = chorus.here("labels", "--json").json["labels"]

    # a new version of one model: that one wakes
    assert (
        chorus.here(
            "models", "promote", "mood-plain", str(publish_version(home, "mood-plain"))
        ).status
        == 0
    )
    shutil.rmtree(home / "run")
    again = chorus("reprocess", "--customer", "default", "--json")
    assert again.status == 0, again.err
    [run] = again.json["runs"]
    assert (run["datasets"], run["rows"], run["cells_to_score"]) == (1, 4, 1)
    assert workers_of(home) == ["mood-plain"]
    after = chorus.here("labels", "--json").json["labels"]
    assert after[0]["models"]["mood-plain"] == 2
    assert len(moods_of(before[0]["output"])) == len(moods_of(after[0]["output"])) == 4, (
        "the old ones can be read"
    )

    # another version of the ensemble: none does
    registry = EnsembleRegistry(LocalPlace(home))
    spec = registry.read("default", 1).model_copy(update={"review_below": 0.9})
    registry.store.promote("default", registry.publish("default", spec, PUBLISHED), PUBLISHED)
    shutil.rmtree(home / "run")
    assert chorus("reprocess", "--all", "--json").json["runs"][0]["cells_to_score"] == 0
    assert workers_of(home) == []
    assert chorus.here("labels", "--json").json["labels"][0]["ensemble"] == "default 2"

    # back again, for nothing
    assert chorus.here("ensembles", "rollback", "default").status == 0
    assert chorus("reprocess", "--all").status == 0
    assert chorus.here("labels", "--json").json["labels"] == after
    removed = chorus.here("prune", "--json", "--keep", "0", "--remove").json
    assert (removed["removed"], {item["what"] for item in removed["items"]}) == (
        True,
        {"labels", "scores", "run"},
    )
    assert "nothing that could be removed" in chorus.here("prune", "--keep", "0").out
    assert len(moods_of(after[0]["output"])) == 4


def test_running_workers_score_both_versions_of_a_model_promoted_during_a_job(home, tmp_path):
    brake = tmp_path / "brake"
    brake.touch()
    chorus = Command(home, light=True, brake=brake)
    with running_service(chorus) as up:
        first = up.submit("plain", numbered_texts(40), name="first")
        wait_until(lambda: written_parts(first), "the first part")
        assert chorus.here("models", "promote", "mood-bow", str(publish_version(home))).status == 0
        second = up.submit("plain", numbered_texts(10, "other thing"), name="second")
        workers = up.workers()["mood-bow"]
        assert written_parts(first) < 40, "in the middle of the job"
        brake.unlink()
        assert {model.version for model in up.wait_for(first).models} == {1}
        assert {model.version for model in up.wait_for(second).models} == {2}
        assert set(workers) & set(up.workers().get("mood-bow", [])), "none was started anew for it"
    place = LocalPlace(home)
    for job, version in ((first, 1), (second, 2)):
        positions = dataset_of(place, job).positions
        assert len(scored_chunks(place, "mood-bow", version, positions)) == len(positions)
        assert len(scored_chunks(place, "mood-bow", 3 - version, positions)) == 0


KILL_ONCE = """
import os, signal, sys
from pathlib import Path
from tests.support.models import light_model
light_model.install()
if "--control" in sys.orig_argv:
    import tasks.steps.finish
    activate_labels, mark = tasks.steps.finish.activate_labels, Path({mark!r})
    def killed_once(place, job, asked):
        if mark.exists():
            return activate_labels(place, job, asked)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    tasks.steps.finish.activate_labels = killed_once
"""


def test_a_control_worker_killed_between_the_labels_and_the_pointer_moves_it_when_it_is_back(
    home, upload, tmp_path
):
    chorus, place = Command(home, light=True), LocalPlace(home)
    assert chorus("score", upload(ROWS), "--customer", "plain").status == 0
    [before] = chorus.here("labels", "--json").json["labels"]
    assert chorus.here("models", "promote", "mood-bow", str(publish_version(home))).status == 0
    mark = tmp_path / "killed"
    killing = Command(home, PYTHONPATH=with_site(tmp_path, KILL_ONCE.format(mark=str(mark))))
    with running_service(killing) as up:
        assert chorus.here("reprocess", "--customer", "plain", "--detach").status == 0
        wait_until(mark.exists, "the labels to be there")
        [run] = open_runs(place, "plain")
        assert is_complete(read_job(place, run.jobs[0].job).output), "written, and not counting yet"
        assert read_active_labels(place, "plain").datasets[before["dataset"]].job == before["job"]
        end = wait_until(lambda: read_run_end(place, "plain", run.name), "the run to end")
        assert end.status == "done"
        assert read_active_labels(place, "plain").datasets[before["dataset"]].job == run.jobs[0].job
        assert up.process.poll() is None


def test_one_customer_without_an_ensemble_keeps_no_other_from_being_labelled_again(chorus, home):
    for customer in ("plain", "acme"):
        store_dataset(LocalPlace(home), ["great", "awful"], customer=customer)
    customers = home / "customers.toml"
    customers.write_text(customers.read_text().replace('ensemble = "acme"', 'ensemble = "gone"'))
    ended = chorus("reprocess", "--all", "--json")
    assert (ended.status, ended.json["status"]) == (1, "incomplete")
    assert [run["customer"] for run in ended.json["runs"]] == ["plain"]
    assert "gone" in ended.json["refused"]["acme"]
    assert chorus.here("reprocess", "--customer", "plain", "--customer", "acme").status == 2
    assert not [*home.glob("runs/*/_open/*")], (
        "nothing is begun where one that was named is refused"
    )


def test_a_run_that_cannot_begin_leaves_nothing_and_one_that_goes_on_can_be_cancelled(
    chorus, home, upload, broker
):
    assert chorus("score", upload(ROWS), "--customer", "plain").status == 0
    assert chorus.here("models", "promote", "mood-bow", str(publish_version(home))).status == 0
    nowhere = Command(home, light=True, CHORUS_BROKER_URL="redis://127.0.0.1:1/0")
    assert nowhere.here("reprocess", "--customer", "plain", "--json").status == 1
    assert not (home / "runs").exists()
    nobody_works = Command(home, light=True, CHORUS_BROKER_URL=broker.url)
    assert nobody_works.here("reprocess", "--customer", "plain", "--detach").status == 0
    [run] = nobody_works.here("status", "--json").json["runs"]
    assert (run["jobs"], run["done"]) == (1, 0)
    assert nobody_works.here("cancel", run["run"]).status == 0
    state = nobody_works.here("status", "--json").json
    assert state["runs"] == []
    assert [job["status"] for job in state["jobs"]].count("cancelled") == 1
    again = nobody_works.here("cancel", run["run"])
    assert (again.status, "There is no open run" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reprocess"], "Give either --customer"),
        (["reprocess", "--all", "--customer", "acme"], "Give either --customer"),
        (["reprocess", "--customer", "nobody"], "No feedback of nobody"),
        (["reprocess", "--all", "--detach"], "No service runs"),
        (["reprocess", "--customer", "../x"], "is not allowed"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(chorus, arguments, said):
    ended = chorus.here(*arguments)
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
