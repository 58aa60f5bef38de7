"""An upload that repeats most of an earlier one: only its new texts are scored."""

import re
import shutil

import pyarrow.parquet as pq

from tests.acceptance.conftest import write_upload
from tests.support.runs.command import Command

ROWS = [
    (f"r{number}", f"{'great' if number % 3 else 'awful'} parcel number {number}")
    for number in range(1000)
]
ADDED = [(f"n{number}", f"great news number {number}") for number in range(10)]


def later_rows():
    rows = [*ROWS[:500], *ROWS[540:]]
    for place, row in enumerate(ADDED):
        rows.insert(97 * place, row)
    return [(id_, text + " after all" if id_ == "r777" else text) for id_, text in rows]


def labels(answer):
    columns = ["id", "text", "mood", "mood_score", "agreement"]
    return pq.read_table(answer.json["output"], partitioning=None, columns=columns).to_pylist()


def test_only_new_texts_reach_the_model_and_the_labels_are_those_of_a_fresh_root(home, tmp_path):
    fresh = shutil.copytree(home, tmp_path / "fresh")
    first = write_upload(tmp_path / "first.csv", ROWS)
    later = write_upload(tmp_path / "later.csv", later_rows())
    settings = {"light": True, "CHORUS_CHUNK_ROWS": "256"}
    chorus = Command(home, **settings)
    assert chorus("score", first, "--customer", "plain", "--json").status == 0
    log = home / "run/logs/mood-bow.log"
    log.unlink()
    again = chorus("score", later, "--customer", "plain", "--json")
    assert again.status == 0, again.err
    known = [
        tuple(map(int, found))
        for found in re.findall(r"scores of (\d+) of (\d+) rows reused", log.read_text())
    ]
    assert sum(rows - had for had, rows in known) == len(ADDED) + 1
    assert sum(rows for _, rows in known) == len(later_rows())
    anew = Command(fresh, **settings)("score", later, "--customer", "plain", "--json")
    assert labels(again) == labels(anew)

    fewer = write_upload(tmp_path / "fewer.csv", ROWS[3:])
    planned = chorus.here("plan", fewer, "--customer", "plain", "--json").json
    assert [(model["wakes"], model["cells_to_score"]) for model in planned["models"]] == [
        (False, 0)
    ]
