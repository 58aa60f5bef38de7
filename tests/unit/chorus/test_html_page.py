"""Output of `chorus diff`: the JSON object, the page and the tables."""

import json

import numpy as np
import pytest

from chorus.compare.difference import Difference
from chorus.compare.html_page import render_page
from chorus.compare.output import print_difference, to_json_object
from ensemble.compare import Predictions, RowIds, compare
from storage.records.decisions import decide_labels


def predict(labels, *rows):
    values = np.array(rows, dtype=np.float32)
    return Predictions(labels, values, decide_labels(values, "any_of"))


@pytest.fixture
def difference():
    """A difference of two customers, of whom only one has the label `<b>`."""
    difference = Difference("topics 1", "topics 2", rejected=3, unshared={"mood"})
    for customer, labels in (("acme", ("price", "<b>")), ("beta", ("price",))):
        before, after = [0.9, 0.1][: len(labels)], [0.2, 0.8][: len(labels)]
        rows = RowIds(customer, "upload", 0, np.arange(1), ["r&1"])
        difference.add(
            "topics",
            customer,
            compare("any_of", predict(labels, before), predict(labels, after), rows),
        )
    return difference


def test_the_json_object_counts_labels_that_went_on_and_off(difference):
    answer = json.loads(
        json.dumps(to_json_object(difference, {("acme", "upload", "r&1"): "a text"}))
    )
    topics = answer["targets"]["topics"]
    assert topics["matrix"] == {
        "price": {"on_off": 2, "off_on": 0},
        "<b>": {"on_off": 0, "off_on": 1},
    }
    assert (list(topics["customers"]["beta"]["flips"]), answer["rejected"], answer["unshared"]) == (
        ["price"],
        3,
        ["mood"],
    )
    assert [(row["before"], row["after"], row["text"]) for row in topics["moved"]] == [
        (["price"], ["<b>"], "a text"),
        (["price"], [], None),
    ]


def test_the_page_escapes_text_of_users_and_names_what_was_left_out(difference):
    shown = render_page(difference, {("acme", "upload", "r&1"): "<i>x</i>"})
    for expected in (
        "3 rows rejected",
        "target mood",
        "&lt;b&gt;",
        "r&amp;1",
        "&lt;i&gt;x",
        "its feedback was removed",
    ):
        assert expected in shown
    assert "<b>price" not in shown
    assert "<i>x" not in shown


def test_the_table_shows_all_customers_together_and_each_of_them(difference, capsys):
    print_difference(difference, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "topics 1 → topics 2"
    assert [line.split()[:4] for line in lines if "price" in line][:3] == [
        ["all", "price", "0", "2"],
        ["acme", "price", "0", "1"],
        ["beta", "price", "0", "1"],
    ]


def test_the_page_shows_control_and_bidirectional_characters_escaped(difference):
    shown = render_page(difference, {("acme", "upload", "r&1"): "\x1b[2J<\u202etext\nnext"})
    assert "\\x1b[2J&lt;\\u202etext\nnext" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
