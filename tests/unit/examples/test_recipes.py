"""Every code block of docs/recipes.md runs, in order, on labels as `chorus score` leaves them."""

import re
import shlex
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import BytesIO, StringIO

import duckdb
import numpy as np
import pytest

from ensemble.combine import Vote, soft_vote
from ensemble.rows import labelled_rows
from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from storage.places.place import LocalPlace
from storage.records import jobs, labelled_output
from storage.records.feedback import read_chunk
from storage.records.jobs import Job
from storage.records.labelled_output import EnsembleVersion, Manifest, Part, part_name
from storage.tables import encode_parquet
from storage.versions.active_labels import ActiveLabel, set_active_labels
from tests.support.repository import REPOSITORY
from tests.support.runs.command import Command

JOB = "57717b5d8d076f33"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
UPLOAD = b"id,text\n1,late parcel\n2,\n3,dear and late\n4,fine\n"
PLANS = "id,plan\n1,basic\n3,basic\n4,premium\n"
SENTIMENT = [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]]
TOPICS = [[0.9, 0.1], [0.8, 0.9], [0.1, 0.45]]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (REPOSITORY / "docs/recipes.md").read_text(), re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of the recipes: .chorus with a labelled upload, and plans.csv."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plans.csv").write_text(PLANS)
    place = LocalPlace(tmp_path / ".chorus")
    (tmp_path / "reviews.csv").write_bytes(UPLOAD)
    options = UploadOptions("reviews.csv", "default")
    dataset = store_upload(place, options, BytesIO(), print, lambda: NOW)
    targets = (
        Target(name="sentiment", mode="one_of", members=(Member(model="a"),)),
        Target(name="topics", mode="any_of", members=(Member(model="b"),)),
    )
    EnsembleRegistry(place).publish("default", Ensemble(targets=targets), NOW)
    job = Job(
        id=JOB,
        customer="default",
        dataset=dataset.id,
        ensemble=EnsembleVersion(name="default", version=1),
        models=(),
        out=place.url_of(labelled_output.default_folder("default", JOB)),
        keep_text=True,
        keep_columns=False,
        submitted_at=NOW,
    )
    place.create(jobs.job_path(JOB), job.encode())
    _write_labels(place, job, dataset)
    set_active_labels(place, "default", {dataset.id: ActiveLabel(job=JOB, at=NOW)})
    return tmp_path


def _write_labels(place, job, dataset):
    def vote(labels, values):
        return [Vote(1.0, labels, np.array(values, np.float32))]

    part = encode_parquet(
        labelled_rows(
            read_chunk(place, dataset, 0),
            "default",
            {
                "sentiment": soft_vote("one_of", vote(("negative", "positive"), SENTIMENT)),
                "topics": soft_vote("any_of", vote(("delivery", "price"), TOPICS)),
            },
            review_below=0.5,
            scored_at=NOW,
            keep_text=True,
            columns=(),
        )
    )
    manifest = Manifest(
        job=JOB,
        customer="default",
        dataset=dataset.id,
        ensemble=job.ensemble,
        models=(),
        rows_in=4,
        rows_labelled=3,
        rows_rejected=1,
        rejects="",
        parts=(Part(name=part_name(0), rows=3, bytes=len(part), sha256=""),),
    )
    job.output.create(part_name(0), part)
    job.output.create(labelled_output.MANIFEST, manifest.encode())
    job.output.create(labelled_output.SUCCESS, b"")


def test_every_code_block_of_the_recipes_runs(folder):
    chorus = Command(folder / ".chorus")
    variables = {}
    printed = StringIO()
    answers = []
    for language, code in BLOCKS:
        if language == "console":
            for line in code.splitlines():
                ended = chorus.here(*shlex.split(line.removeprefix("$ chorus ")))
                assert ended.status == 0, ended.err
        elif language == "python":
            with redirect_stdout(printed):
                exec(code, variables)  # noqa: S102 — our own page
        else:
            assert language == "sql"
            answers.append(duckdb.sql(code).fetchall())
    assert {language for language, _ in BLOCKS} == {"console", "python", "sql"}
    assert "2 negative texts" in printed.getvalue()
    assert answers[0] == [("negative", 2, 0.8), ("positive", 1, 0.8)]
    assert [answer[:2] for answer in answers[1]] == [("delivery", 2), ("price", 1)]
    assert answers[2] == [("basic", 2, 2), ("premium", 0, 1)]
    assert [answer[1:] for answer in answers[3]] == [("negative", 2), ("positive", 1)]
    assert answers[4][0][:2] == ("1", "negative")
