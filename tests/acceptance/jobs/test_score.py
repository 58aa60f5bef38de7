"""`chorus score`: from a file to labelled Parquet, with a real broker and real workers."""

import hashlib
import json
import shutil
from contextlib import ExitStack

import pyarrow.parquet as pq
import pytest

from tests.acceptance.conftest import write_upload
from tests.support.runs.command import Command

ROWS = [
    ("r1", "great delivery"),
    ("r2", "awful price"),
    ("r3", ""),
    ("r1", "again"),
    ("r4", "terrible café price 👩‍🚀"),
]


@pytest.fixture(scope="module")
def labelled_home(registry, tmp_path_factory):
    """A root on which ROWS are labelled once, for all tests that only read."""
    return shutil.copytree(registry, tmp_path_factory.mktemp("labelled") / "home")


@pytest.fixture(scope="module")
def upload_file(tmp_path_factory):
    return write_upload(tmp_path_factory.mktemp("upload") / "upload.csv", ROWS)


@pytest.fixture(scope="module")
def scored(labelled_home, upload_file):
    return Command(labelled_home)(
        "score", upload_file, "--customer", "acme", "--keep-columns", "--json"
    )


def table_of(answer):
    return pq.read_table(answer["output"], partitioning=None)


def files_below(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_row_is_labelled_or_rejected_with_a_reason(scored):
    answer = scored.json
    assert scored.status == 0, scored.err
    assert {
        "job",
        "status",
        "rows_in",
        "rows_labelled",
        "rows_rejected",
        "seconds",
        "rows_per_second",
    } <= set(answer)
    assert (
        answer["status"],
        answer["rows_in"],
        answer["rows_labelled"],
        answer["rows_rejected"],
    ) == ("done", 5, 3, 2)
    rejects = pq.read_table(answer["rejects"]).to_pylist()
    assert [(reject["row"], reject["reason"]) for reject in rejects] == [
        (3, "no text"),
        (4, "duplicate id"),
    ]


def test_a_labelled_row_holds_labels_scores_probabilities_and_agreement(scored):
    rows = table_of(scored.json).to_pylist()
    assert [row["id"] for row in rows] == ["r1", "r2", "r4"]
    assert [row["mood"] for row in rows] == ["positive", "negative", "negative"]
    assert [row["topics"] for row in rows] == [["delivery"], ["price"], ["price"]]
    assert rows[2]["text"] == "terrible café price 👩‍🚀"
    for row in rows:
        assert row["customer"] == "acme"
        assert row["mood_score"] == max(row["mood_probabilities"].values())
        assert sum(row["mood_probabilities"].values()) == pytest.approx(1, abs=1e-6)
        assert set(row["topics_probabilities"]) == {"delivery", "price", "cafe"}
        assert 0 <= row["agreement"] <= 1
        assert row["needs_review"] == (row["agreement"] < 0.5)
        assert row["members_missing"] == []
        assert row["scored_at"].tzinfo is not None


def test_the_manifest_lists_every_part_with_its_digest(scored, labelled_home):
    answer = scored.json
    folder = labelled_home / "labelled" / "customer=acme" / f"job={answer['job']}"
    assert str(folder) == answer["output"]
    manifest = json.loads((folder / "_manifest.json").read_bytes())
    assert {part["name"]: part["sha256"] for part in manifest["parts"]}.items() <= files_below(
        folder
    ).items()
    assert sum(part["rows"] for part in manifest["parts"]) == manifest["rows_labelled"] == 3
    assert {model["name"]: model["version"] for model in manifest["models"]} == answer["models"]
    assert (folder / "_SUCCESS").exists()


def test_only_the_models_that_the_job_needs_are_started(scored, labelled_home):
    assert scored.status == 0
    logs = {path.stem for path in (labelled_home / "run" / "logs").iterdir()}
    workers = {"control", "mood-bow", "mood-plain", "topics-bow", "topics-acme"}
    assert logs == {"commands", *workers}, "and sleeper stays asleep"
    assert not (labelled_home / "scores" / "sleeper").exists()


def test_a_second_run_scores_nothing_starts_nothing_and_gives_the_same_bytes(
    upload_file, labelled_home, scored
):
    before = files_below(labelled_home)
    nowhere = Command(labelled_home, CHORUS_BROKER_URL="redis://127.0.0.1:1/0")
    again = nowhere.here("score", upload_file, "--customer", "acme", "--keep-columns", "--json")
    assert again.status == 0, again.err
    assert again.json["cells_scored"] == 0
    assert scored.json["cells_scored"] == 4
    assert again.json["job"] == scored.json["job"]
    assert files_below(labelled_home) == before


def test_another_output_folder_needs_no_new_scores(labelled_home, upload_file, tmp_path, scored):
    chorus = Command(labelled_home, light=True)
    there = chorus(
        "score", upload_file, "--customer", "acme", "--out", tmp_path / "out", "--no-text", "--json"
    )
    assert there.status == 0, there.err
    assert there.json["cells_scored"] == 0
    assert table_of(there.json).column_names == [
        name for name in table_of(scored.json).column_names if name not in ("text", "comment")
    ]


def test_without_json_a_preview_and_the_paths_are_printed(labelled_home, upload_file, tmp_path):
    ended = Command(labelled_home, light=True)(
        "score", upload_file, "--customer", "acme", "--out", tmp_path / "out"
    )
    assert ended.status == 0, ended.err
    for expected in (
        "r4",
        "negative",
        "66.7%",
        "5 rows in, 3 labelled, 2 rejected",
        "no text 1",
        "Labelled: ",
    ):
        assert expected in ended.out
    assert "Traceback" not in ended.err


def test_two_commands_that_score_one_upload_at_the_same_time_agree(home, upload):
    path, chorus = upload(ROWS), Command(home, light=True)
    with ExitStack() as stack:
        arguments = ("score", path, "--customer", "plain", "--json")
        runs = [stack.enter_context(chorus.start(*arguments)) for _ in range(2)]
        answers = [json.loads(run.communicate(timeout=100)[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], answers
    assert answers[0]["output"] == answers[1]["output"]
    assert len(table_of(answers[0])) == 3


def test_standard_input_is_labelled_like_a_file(home, upload):
    piped = Command(home, light=True)(
        "score", "-", "--customer", "plain", "--json", stdin=upload(ROWS).read_bytes()
    )
    assert piped.status == 0, piped.err
    assert piped.json["rows_labelled"] == 3
