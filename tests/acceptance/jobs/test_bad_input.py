"""What cannot be read is refused in a sentence, with status 2, and nothing is started or stored."""

import gzip
import json

import pytest

from tests.support.runs.command import Command


@pytest.fixture
def chorus(home):
    return Command(home, light=True)


def everything_below(home):
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
def test_an_unreadable_file_starts_nothing(chorus, home, tmp_path, name, data, expected):
    before = everything_below(home)
    ended = chorus.here("score", write(tmp_path / name, data))
    assert ended.status == 2
    assert name in ended.err
    assert expected in ended.err
    assert "Traceback" not in ended.err + ended.out
    assert everything_below(home) == before


@pytest.mark.parametrize(
    "arguments", [["missing.csv"], ["."], ["a.csv", "b.csv"], ["--no-such-option", "a.csv"]]
)
def test_a_wrong_request_has_status_2(chorus, arguments):
    ended = chorus.here("score", *arguments)
    assert ended.status == 2
    assert "Traceback" not in ended.err
    assert chorus.here("score", *arguments, "--json").json["status"] == "refused"


@pytest.mark.parametrize("customer", ["../x", "a/b", "", "Acme", ".."])
def test_a_customer_name_that_could_leave_its_folder_is_refused(chorus, home, upload, customer):
    before = everything_below(home)
    ended = chorus.here("score", upload([("1", "fine")]), "--customer", customer, "--json")
    assert ended.status == 2
    assert "customer name" in ended.err
    assert ended.json["status"] == "refused"
    assert everything_below(home) == before


def test_a_root_without_models_says_how_to_get_some(tmp_path, upload):
    ended = Command(tmp_path / "new").here("score", upload([("1", "fine")]))
    assert ended.status == 2
    assert "default" in ended.err
    assert "ensembles" in ended.err


def test_bad_rows_are_rejected_one_by_one_and_the_rest_is_labelled(chorus, tmp_path):
    rows = [
        b"1,great",
        b"2,awful,too many",
        b"3,with\x00NUL",
        b"1,same id",
        b"word,id of another kind",
        b"4,\xff\xfe not UTF-8 but \xc3\xa9 \xc3\xa9 \xc3\xa9 \xc3\xa9",
        b"5," + b"x" * 2_000_000,
        b",no id",
        b'6,"two\nlines"',
    ]
    path = write(tmp_path / "dirty.csv", b"id,text\n" + b"\n".join(rows) + b"\n")
    ended = chorus("score", path, "--customer", "plain", "--json")
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


def test_an_upload_of_nothing_but_bad_rows_ends_complete_without_starting_a_model(
    chorus, home, upload
):
    ended = chorus("score", upload([("1", ""), ("2", " ")]), "--json")
    assert ended.status == 0, ended.err
    assert (ended.json["rows_in"], ended.json["rows_labelled"], ended.json["rows_rejected"]) == (
        2,
        0,
        2,
    )
    assert [path.name for path in (home / "run" / "logs").iterdir()] == ["control.log"]


def test_a_broken_record_of_the_registry_is_named(chorus, home, upload):
    (home / "customers.toml").write_text("customers = 3")
    ended = chorus.here("score", upload([("1", "fine")]), "--json")
    assert ended.status == 1
    assert "customers.toml" in json.loads(ended.out)["error"]
    assert "Traceback" not in ended.err
