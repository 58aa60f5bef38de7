"""The allowlist: a request may name nothing outside the allowed places, however it is written."""

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


def without_links(path):
    """Resolve a path on a file system that has no links."""
    return os.path.normpath(path)


@pytest.mark.parametrize("place", PLACES)
@given(names=st.lists(NAMES, min_size=1, max_size=4))
def test_everything_in_an_allowed_place_may_be_named(place, names):
    assert check_allowed("/".join([place, *names]), PLACES, without_links) == "/".join(
        [place, *names]
    )


@given(
    head=st.sampled_from(HEADS), parts=st.lists(PARTS, max_size=6), end=st.sampled_from(["", "/"])
)
@example(head="gs://", parts=["acme", "inbox", "..", "a.csv"], end="")
@example(head="/", parts=["srv", "in", "..", "in", "a.csv"], end="")
def test_an_allowed_name_is_canonical_and_in_an_allowed_place(head, parts, end):
    try:
        url = check_allowed(head + "/".join(parts) + end, PLACES, without_links)
    except NotAllowed:
        return
    assert any(url == place or url.startswith(f"{place}/") for place in PLACES)
    assert not {"..", "."}.intersection(url.split("/"))
    assert "::" not in url or url.startswith("/"), "fsspec would read it as a URL chain"
    assert check_allowed(url, PLACES, without_links) == url


@given(st.text(max_size=30), st.sampled_from(["", "gs://", "s3://acme", "file://", "/srv/in/"]))
def test_any_text_is_refused_or_has_a_canonical_name_that_is_its_own(text, before):
    try:
        location = canonical_location(before + text, without_links)
    except UnclearLocation:
        return
    assume(location.parts)
    assert canonical_location(location.url, without_links) == location


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
def test_other_places_are_refused_and_the_error_names_the_allowed_ones(url):
    with pytest.raises(NotAllowed) as caught:
        check_allowed(url, PLACES, without_links)
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
def test_other_spellings_of_an_allowed_location_become_its_canonical_name(url, name):
    assert check_allowed(url, PLACES, without_links) == name


def test_without_an_allowlist_every_name_is_allowed_and_unchanged():
    for url in ("../a.csv", "gs://anything", "-", "memory://x"):
        assert check_allowed(url, None) == url


def test_links_and_dots_that_lead_out_of_an_allowed_folder_are_refused(tmp_path, monkeypatch):
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
