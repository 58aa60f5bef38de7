"""The encoding of a text file, recognised from its bytes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.detect.encoding import INVALID_MARK, Encoding, choose_encoding, marking_decoder
from intake.detect.fingerprint import compute_fingerprint
from intake.errors import UnreadableUpload


def encoding_of(data: bytes, requested: str | None = None) -> str:
    return chosen_encoding(data, requested).name


def chosen_encoding(data: bytes, requested: str | None = None) -> Encoding:
    return choose_encoding(
        "file.csv", requested, compute_fingerprint([data]).counts, lambda: [data]
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain", "utf-8"),
        ("na\u00efve \U0001f600".encode(), "utf-8"),
        ("text\nx".encode("utf-8-sig"), "utf-8-sig"),
        ("text\nx".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "text\nx".encode("utf-16-be"), "utf-16"),
        (
            "I don\u2019t like the caf\u00e9, it\u2019s \u201cloud\u201d \u2014 again".encode(
                "windows-1252"
            ),
            "windows-1252",
        ),
        (
            "I don\u2019t like the caf\u00e9, it\u2019s \u201cloud\u201d \u2014 again".encode(
                "mac_roman"
            ),
            "mac_roman",
        ),
        ("Gr\u00f6\u00dfe, sch\u00f6n, M\u00fcll, f\u00fcr".encode("windows-1252"), "windows-1252"),
        ("Gr\u00f6\u00dfe, sch\u00f6n, M\u00fcll, f\u00fcr".encode("mac_roman"), "mac_roman"),
        ("\u00e9\u00e9\u00e9 caf\u00e9 ".encode() * 3 + b"\xff", "utf-8"),
    ],
)
def test_the_encoding_is_recognised(data: bytes, expected: str) -> None:
    assert encoding_of(data) == expected


def test_a_requested_encoding_is_used() -> None:
    assert encoding_of("caf\u00e9".encode("iso-8859-15"), "latin9") == "iso8859-15"


def test_a_byte_order_mark_is_not_part_of_the_first_column_when_utf8_is_requested() -> None:
    assert encoding_of("text".encode("utf-8-sig"), "UTF8") == "utf-8-sig"


@pytest.mark.parametrize(
    "requested", ["klingon", "base64", "rot13", "idna", "", "utf-8\x00", "undefined"]
)
def test_a_name_that_is_no_text_encoding_is_an_error(requested: str) -> None:
    with pytest.raises(UnreadableUpload, match="no text encoding"):
        encoding_of(b"x", requested)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_byte_order_mark_is_an_error_that_names_the_option(encoding: str) -> None:
    with pytest.raises(UnreadableUpload, match=f"--encoding {encoding}"):
        encoding_of("id,text\n1,nice\n".encode(encoding))


def test_a_guessed_encoding_is_noticed() -> None:
    notice = chosen_encoding(b"the caf\xe9 in the stra\xdfe is sch\xf6n ").notice
    assert notice is not None
    assert "windows-1252" in notice
    assert "--encoding" in notice


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_counts_do_not_depend_on_how_the_bytes_are_split(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    split = compute_fingerprint([data[start:end] for start, end in pairwise(edges)])
    whole = compute_fingerprint([data])
    assert (split.sha256, split.size, split.line_feeds, split.carriage_returns) == (
        whole.sha256,
        whole.size,
        whole.line_feeds,
        whole.carriage_returns,
    )
    assert (split.counts.valid_sequences, split.counts.invalid_bytes) == (
        whole.counts.valid_sequences,
        whole.counts.invalid_bytes,
    )


@given(st.binary(max_size=60))
def test_bytes_count_as_valid_utf8_exactly_when_python_decodes_them(data: bytes) -> None:
    counts = compute_fingerprint([data]).counts
    try:
        text = data.decode()
    except UnicodeDecodeError:
        assert counts.invalid_bytes > 0
    else:
        assert (counts.invalid_bytes, counts.valid_sequences) == (
            0,
            sum(character > "\x7f" for character in text),
        )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_encoding_that_needs_a_byte_order_mark_is_refused_without_one(encoding: str) -> None:
    with pytest.raises(UnreadableUpload, match=f"Try {encoding}-le"):
        encoding_of("id,text\n".encode(f"{encoding}-le"), encoding)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16-le", "utf-32-be", "cp1252", "shift_jis", "gb18030", "hz", "utf-7"]
)
@given(data=st.binary(max_size=40))
def test_decoding_never_fails_and_marks_invalid_bytes(encoding: str, data: bytes) -> None:
    text = marking_decoder(encoding).decode(data, final=True)
    try:
        expected = data.decode(encoding)
    except UnicodeDecodeError:
        assert INVALID_MARK in text
    else:
        assert text == expected


def test_an_uncertain_encoding_is_refused_with_candidates_and_a_line_in_each() -> None:
    data = "id,text\n1,I talked to Mu\u00f1oz about it\n".encode("windows-1252")
    with pytest.raises(UnreadableUpload) as caught:
        encoding_of(data)
    assert str(caught.value).startswith(
        "Cannot read file.csv: it is not UTF-8, and its encoding is not certain: windows-1252 "
        "reads '1,I talked to Mu\u00f1oz about it'; windows-1250 reads '1,I talked to Mu\u0144oz "
    )
    assert str(caught.value).endswith(
        "Name the right one with --encoding NAME, or save the file as UTF-8."
    )


def test_a_file_of_two_encodings_is_refused() -> None:
    text = "Gr\u00f6\u00dfe f\u00fcr sch\u00f6ne T\u00fcren, "
    data = text.encode() * 3 + text.encode("windows-1252") * 20
    with pytest.raises(UnreadableUpload, match="not certain"):
        encoding_of(data)


def test_the_first_letter_outside_ascii_may_stand_far_below_the_head() -> None:
    head = b"id,text\n" + b"1,all of it is plain\n" * 100_000
    rows = "2,Gr\u00f6\u00dfe passt nicht\n3,sch\u00f6n und \u00fcbersichtlich\n4,f\u00fcr das\n"
    assert encoding_of(head + rows.encode("mac_roman") + head) == "mac_roman"


@pytest.mark.parametrize("plain", [0, 500])
def test_escape_sequences_are_certain(plain: int) -> None:
    text = "id,text\n" + "1,plain\n" * plain + "2,\u3068\u3066\u3082\u826f\u3044\n3,\u914d\u9001\n"
    assert encoding_of(text.encode("iso2022_jp")) == "iso2022_jp"
    assert encoding_of(b"id,text\n1,the sequence \x1b$ means nothing\n") == "utf-8"


def test_a_file_that_repeats_itself_is_read_as_its_first_rows_are() -> None:
    rows = [
        "El env\u00edo tard\u00f3 m\u00e1s de tres semanas.",
        "\u00bfPor qu\u00e9 no contestan?",
        "Volver\u00e9 ma\u00f1ana con mi ni\u00f1o.",
        "El ba\u00f1o ol\u00eda a humedad, se\u00f1or.",
    ]
    for count in (4, 2000):
        text = "".join(f"{number},{rows[number % 4]}\n" for number in range(count))
        assert encoding_of(text.encode("windows-1252")) == "windows-1252"
