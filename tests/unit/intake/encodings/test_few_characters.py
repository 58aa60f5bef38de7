"""English exports with one row that is not ASCII: never silently wrong."""

import pytest

from intake.detect.encoding import choose_encoding
from intake.detect.fingerprint import compute_fingerprint
from intake.errors import UnreadableUpload

ENGLISH = "".join(f'{number},"Great service, would come again"\r\n' for number in range(300))


def read_row(row: str, encoding: str) -> str:
    """Return the row as it is read, or the refusal."""
    data = f'id,text\r\n{ENGLISH}300,"{row}"\r\n'.encode(encoding)
    try:
        chosen = choose_encoding(
            "file.csv", None, compute_fingerprint([data]).counts, lambda: [data]
        )
    except UnreadableUpload as refusal:
        return str(refusal)
    return data.decode(chosen.name).split("\r\n")[-2]


@pytest.mark.parametrize(
    "row",
    [
        "The phone\u00a0is good",  # a no-break space, pasted from a web page
        "only 5 µm thick",
        "Don\u2019t buy",
        "It was 30° inside",
        "Das ist groß",
        "è buono e costa poco",
        "Le café était froid",
        "I paid 20 € too much",
    ],
)
def test_a_row_of_windows_1252_is_read_right_or_shown_as_a_candidate(row: str) -> None:
    read = read_row(row, "windows-1252")
    assert row in read or repr(row)[1:-1] in read


@pytest.mark.parametrize(
    ("row", "encoding"),
    [
        ("Спасибо", "windows-1251"),
        ("Škoda dealer", "windows-1250"),
        ("Jürgen was helpful", "mac_roman"),
        ("my fiancée loved it", "cp850"),
        ("とても良い", "shift_jis"),
        ("谢谢, 质量不错", "gb18030"),
    ],
)
def test_a_row_of_another_encoding_is_not_taken_for_windows_1252(row: str, encoding: str) -> None:
    assert row in read_row(row, encoding)
