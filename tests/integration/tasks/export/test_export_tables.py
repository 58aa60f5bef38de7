"""The rows of an export: those of the upload, in their order, each labelled or rejected."""

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble.spec import EnsembleRegistry
from intake.readers.columns import ColumnRequest
from storage.places.place import LocalPlace
from storage.records.labelled_output import default_folder, part_name
from storage.tables import decode_parquet, encode_parquet
from tasks.export.customer_table import NoActiveLabels, open_active_jobs, table_of_customer
from tasks.export.export_table import DifferentUploads, table_of_jobs
from tasks.export.labelled_job import NotExportable, open_labelled_job
from tasks.export.rows_of_job import DamagedPart
from tests.support.intake_files import upload
from tests.support.runs.failing_texts import FailingModel, run_to_end
from tests.support.runs.steps import Steps, store_job

CSV = """when;comment;Mood;id;note
May;fine;m1;1;a
May;;m2;2;b
June;kill it;m3;3;"c;d"
June;ok;m4;1;e
July;nan;m5;4;f
July;"good
day";m6;5;
July;too;many;fields;in;it
August; yes ;m7; 6 ;g
"""


def label(folder, redis, data, name="in.csv", job="job1", **options):
    """Store an upload and label it; return the labelled job."""
    place = LocalPlace(folder / "home")
    kept = ("keep_text", "keep_columns")
    columns = {key: options.pop(key) for key in kept if key in options}
    dataset = upload(folder, data.encode(), name, chunk_rows=2, **options)
    stored = store_job(
        place, dataset, id=job, out=place.url_of(default_folder("acme", job)), **columns
    )
    run_to_end(Steps(place, redis, FailingModel), stored)
    return open_labelled_job(place, stored)


def rows_of(table):
    return [row for part in table.tables() for row in part.to_pylist()]


def test_rows_and_columns_come_as_in_the_file_with_the_rejected_ones_in_their_place(
    tmp_path, redis
):
    table = table_of_jobs([label(tmp_path, redis, CSV)])
    rows = rows_of(table)
    assert table.schema.names[:5] == ["when", "comment", "upload_Mood", "id", "note"]
    assert [tuple(row.values())[:5] for row in rows] == [
        ("May", "fine", "m1", "1", "a"),
        ("May", "", "m2", "2", "b"),
        ("June", "kill it", "m3", "3", "c;d"),
        ("June", "ok", "m4", "1", "e"),
        ("July", "nan", "m5", "4", "f"),
        ("July", "good\nday", "m6", "5", ""),
        (None, None, None, None, None),
        ("August", " yes ", "m7", "6", "g"),
    ]
    assert [(row["mood"] in ("bad", "good"), row["reject_reason"]) for row in rows] == [
        (True, None),
        (False, "no text"),
        (False, "model failed"),
        (False, "duplicate id"),
        (False, "model failed"),
        (True, None),
        (False, "wrong number of fields"),
        (True, None),
    ]
    assert rows[2]["reject_detail"] == "bow 1: ended by signal SIGKILL"
    assert [row["reject_record"] for row in rows if row["reject_record"]] == [
        "July;too;many;fields;in;it"
    ]


def test_a_labelled_row_has_one_column_a_label_and_agreement_by_target(tmp_path, redis):
    row = rows_of(table_of_jobs([label(tmp_path, redis, CSV)]))[0]
    assert row["mood_score"] == max(row["mood_bad"], row["mood_good"])
    assert row["mood_bad"] + row["mood_good"] == pytest.approx(1)
    assert len(repr(row["mood_good"])) <= len("0.12345679"), "the digits of a float32"
    assert row["mood_agreement"] == row["agreement"]
    assert row["mood_needs_review"] == row["needs_review"]
    assert row["scored_at"].tzinfo is None


def test_without_text_neither_texts_nor_records_leave(tmp_path, redis):
    rows = rows_of(table_of_jobs([label(tmp_path, redis, CSV, keep_text=False)]))
    assert "comment" not in rows[0]
    assert len(rows) == 8
    assert {row["reject_record"] for row in rows} == {None}


def test_columns_of_the_caller_with_names_of_ours_stay_his(tmp_path, redis):
    """An export that is uploaded again has a column `row`, and one with the reasons of rejects."""
    data = "id,text,row,reject_reason\n1,fine,7,none\n2,,8,late\n"
    table = table_of_jobs([label(tmp_path, redis, data, keep_columns=True)])
    first, second = rows_of(table)
    assert (first["row"], first["upload_reject_reason"]) == ("7", "none")
    assert (first["mood"] is not None, first["reject_reason"]) == (True, None)
    assert (second["row"], second["upload_reject_reason"]) == ("8", "late")
    assert (second["mood"], second["reject_reason"]) == (None, "no text")


def test_without_an_id_column_rows_are_numbered(tmp_path, redis):
    table = table_of_jobs([label(tmp_path, redis, "text,a\nx,1\n\n,2\nyes,3\n")])
    assert table.schema.names[:3] == ["row", "text", "a"]
    rows = [(row["row"], row["text"], row["mood"] is None) for row in rows_of(table)]
    assert [(text, rejected) for _, text, rejected in rows] == [
        ("x", False),
        ("", True),
        ("yes", False),
    ]


def test_parts_without_agreement_by_target_can_be_exported(tmp_path, redis):
    """As the version before wrote them."""
    job = label(tmp_path, redis, CSV)
    output = job.job.output
    for part in job.manifest.parts:
        rows = decode_parquet(output.read(part.name))
        output.replace(
            part.name, encode_parquet(rows.drop_columns(["mood_agreement", "mood_needs_review"]))
        )
    row = rows_of(table_of_jobs([job]))[0]
    assert row["mood_agreement"] == row["agreement"] is not None


def test_a_dataset_without_the_order_of_its_columns_has_id_and_text_first(tmp_path, redis):
    job = label(tmp_path, redis, CSV)
    source = job.dataset.source.model_copy(update={"columns": (), "delimiter": ""})
    before = job.dataset.model_copy(update={"source": source})
    path = f"feedback/acme/{before.id}/dataset.json"
    job.place.replace(path, before.encode())
    table = table_of_jobs([open_labelled_job(job.place, job.job)])
    assert table.schema.names[:5] == ["id", "comment", "when", "upload_Mood", "note"]
    rejected = rows_of(table)[3]
    assert (rejected["id"], rejected["when"]) == ("1", None)
    assert rejected["reject_record"] == "June;ok;m4;1;e"


def test_jobs_of_one_upload_stand_side_by_side(tmp_path, redis):
    data = "id,like,dislike\n1,fine,ok\n2,,x\n3,yes,\n4,kill it,nan\n"
    jobs = [
        label(tmp_path, redis, data, job=f"job{number}", columns=ColumnRequest((column,)))
        for number, column in enumerate(("like", "dislike"))
    ]
    table = table_of_jobs(jobs)
    assert table.schema.names[:4] == ["id", "like", "dislike", "like_mood"]
    rows = rows_of(table)
    assert [(row["id"], row["like"], row["dislike"]) for row in rows] == [
        ("1", "fine", "ok"),
        ("2", "", "x"),
        ("3", "yes", ""),
        ("4", "kill it", "nan"),
    ]
    assert [(row["like_reject_reason"], row["dislike_reject_reason"]) for row in rows] == [
        (None, None),
        ("no text", None),
        (None, "no text"),
        ("model failed", "model failed"),
    ]


@pytest.mark.parametrize("keep_text", [True, False])
def test_a_joined_text_is_no_column_of_the_caller(tmp_path, redis, keep_text):
    columns = ColumnRequest(("like", "dislike"))
    data = "n,like,dislike,id\na,fine,ok,1\nb,,,2\n"
    job = label(tmp_path, redis, data, columns=columns, keep_text=keep_text)
    table = table_of_jobs([job])
    names = ["n", "like", "dislike", "id"] if keep_text else ["n", "id"]
    assert table.schema.names[: len(names) + 1] == [*names, "mood"]
    assert [row["id"] for row in rows_of(table)] == ["1", "2"]
    [first, _] = rows_of(table_of_customer([job]))
    expected = ("fine\n\nok", "fine") if keep_text else (None, None)
    assert (first.get("text"), first["like"]) == expected


def test_jobs_of_different_uploads_are_not_joined(tmp_path, redis):
    jobs = [
        label(tmp_path, redis, f"id,text\n1,{text}\n", job=f"job-{text}") for text in ("x", "y")
    ]
    with pytest.raises(DifferentUploads, match="--customer"):
        table_of_jobs(jobs)


def test_a_customer_has_each_dataset_once_under_its_active_labels(tmp_path, redis):
    first = label(tmp_path, redis, "id,text,channel\n1,fine,web\n2,,app\n", day=1)
    label(
        tmp_path,
        redis,
        "key,comment,dataset\n7,yes,d\n",
        columns=ColumnRequest(id="key"),
        job="job2",
        day=2,
    )
    again = label(tmp_path, redis, "id,text,channel\n1,fine,web\n2,,app\n", job="job3", day=1)
    assert first.dataset.id == again.dataset.id
    jobs = open_active_jobs(first.place, "acme")
    assert [job.job.id for job in jobs] == ["job3", "job2"]
    table = table_of_customer(jobs)
    assert table.schema.names[:8] == [
        *("dataset", "file", "uploaded_at", "row", "id", "text", "channel", "upload_dataset"),
    ]
    columns = ("row", "id", "text", "channel", "upload_dataset", "reject_reason")
    assert [tuple(row[name] for name in columns) for row in rows_of(table)] == [
        (1, "1", "fine", "web", None, None),
        (2, "2", "", "app", None, "no text"),
        (1, "7", "yes", None, "d", None),
    ]
    with pytest.raises(NoActiveLabels, match="nobody"):
        open_active_jobs(first.place, "nobody")


def test_a_job_without_complete_labels_or_without_feedback_is_refused(tmp_path, redis):
    job = label(tmp_path, redis, CSV)
    job.place.remove(f"feedback/acme/{job.dataset.id}/dataset.json")
    with pytest.raises(NotExportable, match="feedback was removed"):
        open_labelled_job(job.place, job.job)
    job.job.output.remove(part_name(0))
    with pytest.raises(NotExportable, match="not complete"):
        open_labelled_job(job.place, job.job)


def test_a_part_that_lost_rows_is_an_error_and_no_shifted_labels(tmp_path, redis):
    job = label(tmp_path, redis, CSV)
    output, name = job.job.output, part_name(1)
    output.replace(name, encode_parquet(decode_parquet(output.read(name)).slice(1)))
    with pytest.raises(DamagedPart, match="part-00001"):
        rows_of(table_of_jobs([job]))


def test_an_upload_of_which_every_row_is_rejected_has_no_labels(tmp_path, redis):
    table = table_of_jobs([label(tmp_path, redis, "id,text\n1,\n2,\n")])
    assert [row["reject_reason"] for row in rows_of(table)] == ["no text"] * 2
    assert "mood" in table.schema.names


KINDS = {"labelled": "fine", "rejected": "", "failed": "nan"}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=14))
def test_every_row_keeps_its_place(kinds, broker, tmp_path_factory):
    file = io.StringIO()
    csv.writer(file).writerows(
        [("id", "text"), *((f"r{at}", KINDS[kind]) for at, kind in enumerate(kinds))]
    )
    with broker.client() as redis:
        redis.flushall()
        job = label(tmp_path_factory.mktemp("export"), redis, file.getvalue())
    tables = [*table_of_jobs([job]).tables()]
    rows = pa.concat_tables(tables).to_pylist()
    assert [row["id"] for row in rows] == [f"r{at}" for at in range(len(kinds))]
    assert [row["text"] for row in rows] == [KINDS[kind] for kind in kinds]
    assert [row["mood"] is not None for row in rows] == [kind == "labelled" for kind in kinds]
    assert EnsembleRegistry(job.place).names() == ["moods"]
