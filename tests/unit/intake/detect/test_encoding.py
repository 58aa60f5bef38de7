"""In which encoding a text file is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.detect.encoding import INVALID_MARK, choose_encoding, marking_decoder
from intake.detect.fingerprint import compute_fingerprint
from intake.errors import UnreadableUpload


def chosen(data: bytes, asked: str | None = None) -> str:
    return choose_encoding("file.csv", asked, compute_fingerprint([data]).counts).name


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain", "utf-8"),
        ("na\u00efve \U0001f600".encode(), "utf-8"),
        ("text\nx".encode("utf-8-sig"), "utf-8-sig"),
        ("text\nx".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "text\nx".encode("utf-16-be"), "utf-16"),
        (
            "I don\u2019t like the caf\u00e9, it\u2019s \u201cloud\u201d \u2014 na\u00efve".encode(
                "windows-1252"
            ),
            "windows-1252",
        ),
        (
            "I don\u2019t like the caf\u00e9, it\u2019s \u201cloud\u201d \u2014 na\u00efve".encode(
                "mac_roman"
            ),
            "mac_roman",
        ),
        ("Gr\u00f6\u00dfe, sch\u00f6n, M\u00fcll, f\u00fcr".encode("windows-1252"), "windows-1252"),
        ("Gr\u00f6\u00dfe, sch\u00f6n, M\u00fcll, f\u00fcr".encode("mac_roman"), "mac_roman"),
        ("\u00e9\u00e9\u00e9 caf\u00e9 ".encode() * 3 + b"\xff", "utf-8"),
    ],
)
def test_the_encoding_is_found(data: bytes, expected: str) -> None:
    assert chosen(data) == expected


def test_the_encoding_asked_for_is_believed() -> None:
    assert chosen("caf\u00e9".encode("iso-8859-15"), "latin9") == "iso8859-15"


def test_a_byte_order_mark_is_no_part_of_the_first_column_when_utf8_is_asked_for() -> None:
    assert chosen("text".encode("utf-8-sig"), "UTF8") == "utf-8-sig"


@pytest.mark.parametrize(
    "asked", ["klingon", "base64", "rot13", "idna", "", "utf-8\x00", "undefined"]
)
def test_what_is_no_text_encoding_is_an_error(asked: str) -> None:
    with pytest.raises(UnreadableUpload, match="no text encoding"):
        chosen(b"x", asked)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_named(encoding: str) -> None:
    with pytest.raises(UnreadableUpload, match=f"--encoding {encoding}"):
        chosen("id,text\n1,nice\n".encode(encoding))


def test_a_guess_is_said() -> None:
    notice = choose_encoding("file.csv", None, compute_fingerprint([b"caf\xe9 "]).counts).notice
    assert notice is not None
    assert "windows-1252" in notice
    assert "--encoding" in notice


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_counts_do_not_depend_on_where_the_bytes_are_parted(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    parted = compute_fingerprint([data[start:end] for start, end in pairwise(edges)])
    whole = compute_fingerprint([data])
    assert (parted.sha256, parted.size, parted.line_feeds, parted.carriage_returns) == (
        whole.sha256,
        whole.size,
        whole.line_feeds,
        whole.carriage_returns,
    )
    assert (parted.counts.valid_sequences, parted.counts.invalid_bytes) == (
        whole.counts.valid_sequences,
        whole.counts.invalid_bytes,
    )


@given(st.binary(max_size=60))
def test_utf8_is_found_valid_just_when_python_says_so(data: bytes) -> None:
    found = compute_fingerprint([data]).counts
    try:
        text = data.decode()
    except UnicodeDecodeError:
        assert found.invalid_bytes > 0
    else:
        assert (found.invalid_bytes, found.valid_sequences) == (
            0,
            sum(character > "\x7f" for character in text),
        )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_encoding_that_needs_a_mark_is_refused_without_one(encoding: str) -> None:
    with pytest.raises(UnreadableUpload, match=f"Try {encoding}-le"):
        chosen("id,text\n".encode(f"{encoding}-le"), encoding)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16-le", "utf-32-be", "cp1252", "shift_jis", "gb18030", "hz", "utf-7"]
)
@given(data=st.binary(max_size=40))
def test_decoding_never_fails_and_marks_what_is_invalid(encoding: str, data: bytes) -> None:
    text = marking_decoder(encoding).decode(data, final=True)
    try:
        expected = data.decode(encoding)
    except UnicodeDecodeError:
        assert INVALID_MARK in text
    else:
        assert text == expected
