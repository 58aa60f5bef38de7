"""Names that become paths, keys and queues."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.name_list import list_names
from storage.names import BadName, check_name


@pytest.mark.parametrize("name", ["acme", "topics-minilm", "a", "0", "x" * 63, "v1.2", "a_b"])
def test_ordinary_names_are_allowed(name):
    assert check_name("model", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "A",
        "a b",
        "-a",
        ".a",
        "a.",
        "a..b",
        "x" * 64,
        "é",
        "a\n",
        "a\x00",
        "a:b",
    ],
)
def test_names_that_could_leave_their_folder_or_key_are_refused(name):
    with pytest.raises(BadName) as caught:
        check_name("customer", name)
    assert caught.value.exit_status == 2
    assert "lower-case" in str(caught.value)


@given(st.text())
def test_every_allowed_name_is_a_plain_file_name(name):
    try:
        check_name("customer", name)
    except BadName:
        return
    assert name == name.strip(". /\\\n")
    assert not {"/", "\\", "\0", ":", "*"} & set(name)
    assert ".." not in name


def test_near_names_come_first_and_the_others_are_counted():
    jobs = [f"{number:016x}" for number in range(1000)] + ["91e20f04fe61b6c3"]
    listed = list_names(jobs, "91e20f04fe61")
    assert listed.startswith("91e20f04fe61b6c3, ")
    assert listed.endswith(" and 993 more")
    assert list_names(["acme", "beta", "zeta"], "zet") == "zeta, acme, beta"
    assert list_names([], "x") == "none"


@given(st.lists(st.text("abc-", min_size=1), unique=True), st.text("abc-"))
def test_every_name_is_listed_or_counted(names, wanted):
    listed = list_names(names, wanted)
    shown, _, more = listed.partition(" and ")
    count = 0 if listed == "none" else len(shown.split(", "))
    assert count <= 8
    assert count + int(more.removesuffix(" more") or 0) == len(names)
