"""Workers started one by one, as docker compose and Kubernetes do: submit, status, doctor."""

import csv
import json
import signal
from contextlib import ExitStack, contextmanager

import pyarrow.parquet as pq
import pytest

from storage.places.place import LocalPlace
from storage.records.feedback import dataset_path
from tests.support.runs.command import Command
from tests.support.runs.steps import store_dataset, store_job
from tests.support.runs.waiting import wait_until


@pytest.fixture
def chorus(home):
    return Command(home, light=True)


@pytest.fixture
def service(home, broker, redis):
    """The command line with a broker configured; `redis` empties it first."""
    assert redis.ping()
    return Command(home, light=True, CHORUS_BROKER_URL=broker.url)


@contextmanager
def workers(command, *each):
    """Start a worker with each of the arguments; each must end when stopped after the block."""
    with ExitStack() as stack:
        running = [stack.enter_context(command.start("worker", *arguments)) for arguments in each]
        try:
            yield running
            for process in running:
                process.send_signal(signal.SIGTERM)
            for process in running:
                _, err = process.communicate(timeout=30)
                assert process.returncode == 0, err.decode()
        finally:
            for process in running:
                process.kill()


def test_a_submitted_upload_is_labelled_by_the_running_workers(service, upload, tmp_path):
    file = tmp_path / "labels.csv"
    submitted = service.here(
        "submit",
        upload([("1", "great"), ("2", "awful"), ("3", "")]),
        *("--customer", "plain", "--out", file),
    )
    assert submitted.status == 0, submitted.err
    job = submitted.out.strip()
    waiting = service.here("status", job, "--json").json
    assert (waiting["status"], waiting["rows"], waiting["labelled"]) == ("running", 2, 0)

    def done():
        state = service.here("status", job, "--json").json
        return state if state["status"] == "done" else None

    with workers(service, ["--control"], ["--model", "mood-bow", "--threads", "1"]):
        state = wait_until(done, "the job to end")
    assert (state["labelled"], state["rejected"], state["models"]) == (2, 1, {"mood-bow 1": 2})
    rows = pq.read_table(state["output"], partitioning=None).to_pylist()
    assert [row["mood"] for row in rows] == ["positive", "negative"]
    assert state["files"] == [str(file)]
    with file.open(encoding="utf-8-sig", newline="") as opened:
        exported = [(row["id"], row["mood"]) for row in csv.DictReader(opened)]
    assert exported == [("1", "positive"), ("2", "negative"), ("3", "")]
    listed = service.here("status")
    assert job in listed.out
    assert "done" in listed.out


def test_submit_without_a_service_says_what_to_set(chorus, upload):
    ended = chorus.here("submit", upload([("1", "great")]))
    assert ended.status == 2
    assert "CHORUS_BROKER_URL" in ended.err


def test_a_worker_of_an_unknown_model_is_refused_with_the_published_ones(service):
    ended = service.here("worker", "--model", "nobody")
    assert ended.status == 2
    assert "mood-bow" in ended.err


@pytest.mark.parametrize("arguments", [[], ["--model", "mood-bow", "--control"]])
def test_a_worker_is_either_of_a_model_or_the_control_worker(service, arguments):
    assert service.here("worker", *arguments).status == 2


def test_an_unknown_job_is_refused_with_the_existing_ones(chorus):
    ended = chorus.here("status", "0123456789abcdef")
    assert ended.status == 2
    assert "no job 0123456789abcdef" in ended.err


def test_status_without_a_broker_lists_all_jobs_by_storage_also_an_unreadable_one(
    chorus, home, upload
):
    job = chorus("score", upload([("1", "great")]), "--customer", "plain", "--json").json["job"]
    state = chorus.here("status", job, "--json").json
    assert (state["status"], state["labelled"]) == ("done", 1)
    assert job in chorus.here("status", job).out

    place = LocalPlace(home)
    store_job(place, store_dataset(place, ["awful"], name="damaged"))
    (home / dataset_path("acme", "damaged")).write_text("{")
    listed = {one["status"] for one in chorus.here("status", "--json").json["jobs"]}
    assert listed == {"done", "unreadable"}
    assert chorus.here("status").status == 0


def test_doctor_passes_a_healthy_installation(service):
    ended = service.here("doctor", "--json")
    assert ended.status == 0, ended.out
    assert all(finding["well"] for finding in ended.json["findings"])
    assert "CHORUS_HOME" in service.here("doctor").out


def test_doctor_says_what_is_wrong_and_what_to_do(tmp_path):
    ended = Command(tmp_path / "new", CHORUS_BROKER_URL="redis://127.0.0.1:1/0").here(
        "doctor", "--json"
    )
    assert ended.status == 1
    wrong = {
        finding["check"]: finding["found"]
        for finding in ended.json["findings"]
        if not finding["well"]
    }
    assert "does not answer" in wrong["broker"]
    assert "make demo" in wrong["models"]


def test_doctor_names_the_line_of_a_bad_limit_and_limits_of_unpublished_models(home):
    def wrong(text, **settings):
        (home / "chorus.toml").write_text(text)
        ended = Command(home, **settings).here("doctor", "--json")
        found = {
            finding["check"]: finding["found"]
            for finding in ended.json["findings"]
            if not finding["well"]
        }
        assert ended.status == (1 if found else 0)
        return found

    assert wrong("[models.mood-bow]\nmin = 1\n") == {}
    assert (
        "line 2: max in [models.mood-bow] is 0" in wrong("[models.mood-bow]\nmax = 0\n")["limits"]
    )
    assert "not published: mod-bow." in wrong("[models.mod-bow]\nmin = 1\n")["limits"]
    assert (
        "the device cuda:99 cannot be used" in wrong("", CHORUS_DEVICE="cuda:99")["device"].lower()
    )


def test_models_and_ensembles_are_listed_and_shown(chorus):
    listed = chorus.here("models", "list", "--json").json["models"]
    assert [one["model"] for one in listed] == [
        "mood-bow",
        "mood-plain",
        "sleeper",
        "topics-acme",
        "topics-bow",
    ]
    shown = chorus.here("models", "show", "mood-bow", "--json").json
    assert (shown["version"], shown["labels"]) == (1, ["negative", "positive"])
    ensembles = chorus.here("ensembles", "list", "--json").json["ensembles"]
    assert {one["ensemble"]: one["customers"] for one in ensembles} == {
        "acme": ["acme"],
        "default": ["everyone else"],
        "plain": ["plain"],
    }
    for table in (("models", "list"), ("ensembles", "list")):
        assert "mood-bow" in chorus.here(*table).out
    missing = chorus.here("models", "show", "mood-bow", "--version", "7")
    assert missing.status == 2
    assert "1, champion" in missing.err


def test_an_ensemble_file_is_published_as_the_next_version(chorus, tmp_path):
    shown = chorus.here("ensembles", "show", "plain", "--json").json
    shown["targets"][0]["members"].append({"model": "mood-plain", "weight": 3})
    file = tmp_path / "plain.json"
    file.write_text(json.dumps(shown))
    assert chorus.here("ensembles", "publish", "plain", file).out.split() == ["plain", "2"]
    members = chorus.here("ensembles", "show", "plain", "--version", "2", "--json").json["targets"][
        0
    ]["members"]
    assert [member["model"] for member in members] == ["mood-bow", "mood-plain"]
    assert chorus.here("ensembles", "show", "plain", "--json").json["version"] == 1, (
        "publishing alone changes no job"
    )
    assert chorus.here("ensembles", "promote", "plain", "2").status == 0
    assert chorus.here("ensembles", "show", "plain", "--json").json["version"] == 2
    assert chorus.here("models", "promote", "mood-bow", "2").status == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not = [toml", "bad.toml, line 1: this is not TOML"),
        ('[[targets]]\nname = "mood"\nmode = "one_of"\nmembers = []', "members"),
        (
            '[[targets]]\nname = "id"\nmode = "one_of"\nmembers = [{model = "mood-bow"}]',
            "the column 'id'",
        ),
        ('[[targets]]\nname = "mood"\nmode = "one_of"\nmembers = [{model = "nobody"}]', "nobody"),
        (
            '[[targets]]\nname = "mood"\nmode = "one_of"\nmembers = [{model = "topics-bow"}]',
            "line 4: Model topics-bow cannot be a member of target mood: it answers topics",
        ),
        (
            '[[targets]]\nname = "mood"\nmode="one_of"\nmembers = [{model="mood-bow", weight=-1}]',
            "weight",
        ),
    ],
)
def test_an_ensemble_that_cannot_work_is_refused(chorus, tmp_path, text, expected):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    ended = chorus.here("ensembles", "publish", "bad", file)
    assert ended.status == 2
    assert expected in ended.err
    assert "bad" not in [
        one["ensemble"] for one in chorus.here("ensembles", "list", "--json").json["ensembles"]
    ]
