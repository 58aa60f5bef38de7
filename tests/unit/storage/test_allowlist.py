"""What a request may name: never anything outside of the allowed places, however it is written."""

import os
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from storage.errors import BadRequest
from storage.places.allowlist import NotAllowed, UnclearLocation, canonical_location, check_allowed

PLACES = ("/srv/in", "gs://acme/inbox", "s3://acme")
PARTS = st.sampled_from(
    [
        "srv",
        "in",
        "acme",
        "inbox",
        "inbox-2",
        "..",
        ".",
        "",
        "a.csv",
        "%2e%2e",
        "In",
        "a b",
        "~",
        "::",
    ]
)
HEADS = [
    *(
        "",
        "/",
        "//",
        "~/",
        "file://",
        "FILE://",
        "local://",
        "gs:/",
        "gs://",
        "GS://",
        "gcs://",
        "s3://",
        "memory://",
    ),
    *("simplecache::gs://", "gs://acme::", "file:///srv/in::s3://", "http://acme/"),
]
NAMES = st.text(
    st.characters(
        blacklist_characters="/\\", min_codepoint=33, max_codepoint=0x2FF, categories=["L", "N"]
    ),
    min_size=1,
)


def as_it_is(path):
    """A file system without links."""
    return os.path.normpath(path)


@pytest.mark.parametrize("place", PLACES)
@given(names=st.lists(NAMES, min_size=1, max_size=4))
def test_whatever_lies_in_an_allowed_place_may_be_named(place, names):
    assert check_allowed("/".join([place, *names]), PLACES, as_it_is) == "/".join([place, *names])


@given(
    head=st.sampled_from(HEADS), parts=st.lists(PARTS, max_size=6), end=st.sampled_from(["", "/"])
)
@example(head="gs://", parts=["acme", "inbox", "..", "a.csv"], end="")
@example(head="/", parts=["srv", "in", "..", "in", "a.csv"], end="")
def test_what_may_be_named_lies_in_an_allowed_place_and_is_named_without_detours(head, parts, end):
    try:
        found = check_allowed(head + "/".join(parts) + end, PLACES, as_it_is)
    except NotAllowed:
        return
    assert any(found == place or found.startswith(f"{place}/") for place in PLACES)
    assert not {"..", "."}.intersection(found.split("/"))
    assert "::" not in found or found.startswith("/"), "fsspec takes chains apart"
    assert check_allowed(found, PLACES, as_it_is) == found


@given(st.text(max_size=30), st.sampled_from(["", "gs://", "s3://acme", "file://", "/srv/in/"]))
def test_any_text_is_refused_or_has_one_name_that_names_the_same_again(text, before):
    try:
        found = canonical_location(before + text, as_it_is)
    except UnclearLocation:
        return
    assume(found.parts)
    assert canonical_location(found.url, as_it_is) == found


@pytest.mark.parametrize(
    "url",
    [
        "gs://acme-evil/inbox/a.csv",
        "gs://acme/inbox-2/a.csv",
        "gs://acme/Inbox/a.csv",
        "gs://ACME/inbox/a.csv",
        "gs://acme/inbox/../secret.csv",
        "gs://acme/inbox/./../secret.csv",
        "gs://acme//inbox/a.csv",
        "gs://acme/%69nbox/a.csv",
        "gs://acme/inbox\\..\\a.csv",
        "gs://acme",
        "gs://",
        "gs:///acme/inbox/a.csv",
        "s3://acme2/a.csv",
        "s3://user@acme/a.csv",
        "s3n://acme/a.csv",
        "memory://acme/inbox/a.csv",
        "http://acme/inbox/a.csv",
        "simplecache::gs://acme/inbox/a.csv",
        "gs://acme/inbox/a.zip::file:///etc/passwd",
        "zip://a.csv::gs://acme/inbox/a.zip",
        "local:///etc/passwd",
        "/srv/inbox/a.csv",
        "/srv/in/../secret.csv",
        "/srv/In/a.csv",
        "/srv",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://localhost/srv/in/a.csv",
        "file:/srv/in/a.csv",
        "/srv/%69n/a.csv",
        "",
        "-",
        "~nobody-of-this-name/a.csv",
        "/srv/in/a\x00.csv",
    ],
)
def test_detours_are_refused_and_the_error_names_what_is_allowed(url):
    with pytest.raises(NotAllowed) as caught:
        check_allowed(url, PLACES, as_it_is)
    assert isinstance(caught.value, BadRequest)
    assert all(place in str(caught.value) for place in PLACES)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("gcs://acme/inbox/a.csv", "gs://acme/inbox/a.csv"),
        ("GS://acme/inbox/", "gs://acme/inbox"),
        ("s3a://acme/a.csv", "s3://acme/a.csv"),
        ("gs://acme/inbox/100%25.csv", "gs://acme/inbox/100%25.csv"),
        ("file:///srv/in/a.csv", "/srv/in/a.csv"),
        ("//srv/in//a.csv", "/srv/in/a.csv"),
        ("/srv/in", "/srv/in"),
    ],
)
def test_other_ways_to_write_an_allowed_place_come_back_as_its_one_name(url, name):
    assert check_allowed(url, PLACES, as_it_is) == name


def test_without_allowed_places_everything_may_be_named_as_it_was_written():
    for url in ("../a.csv", "gs://anything", "-", "memory://x"):
        assert check_allowed(url, None) == url


def test_links_and_dots_that_lead_out_of_an_allowed_folder_are_followed_and_refused(
    tmp_path, monkeypatch
):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.csv").write_text("text\nhello\n")
    (inside / "file").symlink_to(outside / "a.csv")
    (inside / "folder").symlink_to(outside)
    (inside / "loop").symlink_to(inside / "loop")
    (outside / "back").symlink_to(inside)
    places = (str(inside),)
    for name in ("file", "folder/a.csv", "folder/new/part", "../out/a.csv", "folder/../a.csv"):
        with pytest.raises(NotAllowed):
            check_allowed(str(inside / name), places)
    assert check_allowed(str(outside / "back/a.csv"), places) == str(inside / "a.csv")
    assert check_allowed(str(inside / "new/out"), places) == str(inside / "new/out")
    monkeypatch.chdir(inside)
    assert check_allowed("a.csv", places) == str(inside / "a.csv")
    monkeypatch.chdir(outside)
    with pytest.raises(NotAllowed):
        check_allowed("a.csv", places)


def test_an_allowed_folder_may_be_a_link_itself(tmp_path):
    (tmp_path / "disk").mkdir()
    Path(tmp_path, "in").symlink_to(tmp_path / "disk")
    assert check_allowed(str(tmp_path / "in/a.csv"), (str(tmp_path / "in"),)) == str(
        tmp_path / "disk/a.csv"
    )
