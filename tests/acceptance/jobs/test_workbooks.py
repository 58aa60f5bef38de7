"""`chorus score` of a workbook: refused while it is not clear which sheet, labelled once it is."""

import pyarrow.parquet as pq

from tests.support.runs.command import Command
from tests.support.workbooks import workbook

MAY = [["Survey of May"], [], ["id", "comment", "stars"], [7, "great delivery", 5.0], [8, "awful"]]


def test_a_sheet_of_a_workbook_is_labelled_once_it_is_named(home, tmp_path):
    chorus = Command(home, light=True)
    file = tmp_path / "reviews.xlsx"
    file.write_bytes(workbook(April=[["id", "comment"], [1, "great"]], May=MAY))
    ended = chorus.here("score", file)
    assert ended.status == 2
    assert "2 of its sheets have rows: 'April' (2 rows), 'May' (4 rows)" in ended.err
    assert "--sheet NAME" in ended.err
    ended = chorus("score", file, "--sheet", "May", "--keep-columns", "--json")
    assert ended.status == 0, ended.err
    assert "its columns are named in row 3 ('id', 'comment', 'stars')" in ended.err
    labelled = pq.read_table(ended.json["output"], partitioning=None).to_pylist()
    assert [(row["id"], row["text"], row["stars"]) for row in labelled] == [
        ("7", "great delivery", "5"),
        ("8", "awful", None),
    ]
