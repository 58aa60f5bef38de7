"""Input that cannot be read is refused with status 2 and a reason; nothing is started or stored."""

import gzip
import json

import pytest

from tests.support.runs.command import Command


@pytest.fixture
def chorus(home):
    return Command(home, light=True)


def files_below(home):
    return sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file())


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("empty.csv", "", "empty"),
        ("header.csv", "id,text\n", "no rows"),
        ("no_text.csv", "id,colour\n1,red\n", "'colour'"),
        ("two.csv", "id,comment,review\n1,a,b\n", "--text"),
        ("binary.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "PNG"),
        ("cut.csv.gz", gzip.compress(b"id,text\n1,fine\n" * 1000, mtime=0)[:-20], "gz"),
        ("table.parquet", "id,text\n1,fine\n", "Parquet"),
    ],
)
def test_an_unreadable_file_is_refused_and_stores_nothing(
    chorus, home, tmp_path, name, data, expected
):
    before = files_below(home)
    ended = chorus.here("score", write(tmp_path / name, data))
    assert ended.status == 2
    assert name in ended.err
    assert expected in ended.err
    assert "Traceback" not in ended.err + ended.out
    assert files_below(home) == before


@pytest.mark.parametrize(
    "arguments", [["missing.csv"], ["."], ["a.csv", "b.csv"], ["--no-such-option", "a.csv"]]
)
def test_wrong_arguments_exit_with_status_2(chorus, arguments):
    ended = chorus.here("score", *arguments)
    assert ended.status == 2
    assert "Traceback" not in ended.err
    assert chorus.here("score", *arguments, "--json").json["status"] == "refused"


@pytest.mark.parametrize("customer", ["../x", "a/b", "", "Acme", ".."])
def test_a_customer_name_that_is_not_a_plain_folder_name_is_refused(chorus, home, upload, customer):
    before = files_below(home)
    ended = chorus.here("score", upload([("1", "fine")]), "--customer", customer, "--json")
    assert ended.status == 2
    assert "customer name" in ended.err
    assert ended.json["status"] == "refused"
    assert files_below(home) == before


def test_a_root_without_models_is_refused_with_what_to_do(tmp_path, upload):
    ended = Command(tmp_path / "new").here("score", upload([("1", "fine")]))
    assert ended.status == 2
    assert "default" in ended.err
    assert "ensembles" in ended.err


def test_bad_rows_are_rejected_with_reasons_and_the_rest_is_labelled(chorus, tmp_path):
    rows = [
        b"1,great",
        b"2,awful,too many",
        b"3,with\x00NUL",
        b"1,same id",
        b"word,id of another kind",
        b"4,\xff\xfe not UTF-8 but " + b"\xc3\xa9 " * 8,
        b"5," + b"x" * 2_000_000,
        b",no id",
        b'6,"two\nlines"',
    ]
    path = write(tmp_path / "dirty.csv", b"id,text\n" + b"\n".join(rows) + b"\n")
    ended = chorus("score", path, "--customer", "plain", "--force", "--json")
    assert ended.status == 0, ended.err
    answer = ended.json
    assert (answer["rows_in"], answer["rows_labelled"]) == (9, 4)
    import pyarrow.parquet as pq

    labelled = pq.read_table(answer["output"], partitioning=None).to_pylist()
    assert [(row["id"], row["text"]) for row in labelled] == [
        ("1", "great"),
        ("3", "with\x00NUL"),
        ("word", "id of another kind"),
        ("6", "two\nlines"),
    ]
    reasons = {row["row"]: row["reason"] for row in pq.read_table(answer["rejects"]).to_pylist()}
    assert reasons == {
        2: "wrong number of fields",
        4: "duplicate id",
        6: "undecodable",
        7: "text too long",
        8: "bad id",
    }


def test_an_upload_of_bad_rows_only_is_refused_and_forced_labels_nothing_and_starts_no_model(
    chorus, home, upload
):
    before, path = files_below(home), upload([("1", ""), ("2", " ")])
    ended = chorus.here("score", path, "--json")
    assert (ended.status, ended.json["status"]) == (2, "refused")
    assert "2 of its 2 rows would be rejected: no text: 2" in ended.json["error"]
    assert files_below(home) == before
    ended = chorus("score", path, "--force", "--json")
    assert ended.status == 1
    assert ended.json["error"] == "No row was labelled: all 2 were rejected (no text 2)."
    assert chorus.here("status", ended.json["job"], "--json").json["error"] == ended.json["error"]
    assert (ended.json["rows_in"], ended.json["rows_labelled"], ended.json["rows_rejected"]) == (
        2,
        0,
        2,
    )
    logs = {path.name for path in (home / "run" / "logs").iterdir()}
    assert logs == {"commands.log", "control.log"}


def test_a_damaged_customers_file_is_named_in_the_error(chorus, home, upload):
    (home / "customers.toml").write_text("customers = 3")
    ended = chorus.here("score", upload([("1", "fine")]), "--json")
    assert ended.status == 2
    assert json.loads(ended.out)["error"].endswith(
        "customers.toml, line 1: [customers] is 3; it must be a table."
    )
    assert "Traceback" not in ended.err
