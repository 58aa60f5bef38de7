"""Exports in many encodings, each with the text that it holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.support.encodings.sentences import SENTENCES

ENCODINGS_OF_LANGUAGES: Mapping[str, str] = {
    "german": "utf-8 windows-1252 iso-8859-15 mac_roman cp850 utf-16",
    "french": "utf-8-sig windows-1252 iso-8859-15 mac_roman cp850",
    "spanish": "windows-1252 iso-8859-1 cp850",
    "polish": "windows-1250 iso-8859-2 cp852",
    "czech": "utf-8 windows-1250 iso-8859-2",
    "russian": "windows-1251 koi8-r cp866 utf-16",
    "greek": "windows-1253 iso-8859-7",
    "turkish": "windows-1254 iso-8859-9",
    "japanese": "shift_jis euc_jp iso2022_jp",
    "simplified": "gb18030 gbk",
    "traditional": "big5",
    "korean": "euc_kr cp949",
    "typographic": "windows-1252 mac_roman",
    "names": "windows-1252 iso-8859-15 mac_roman",
}
_MANY = 80


@dataclass(frozen=True)
class Export:
    """A CSV file and the text that it holds."""

    name: str
    data: bytes
    text: str


def exports(sentences: Mapping[str, Sequence[str]]) -> Iterator[Export]:
    """Yield two exports of each language and encoding: a short one, and one mostly in English."""
    for language, encodings in ENCODINGS_OF_LANGUAGES.items():
        for encoding in encodings.split():
            foreign = sentences[language]
            short = [foreign[row % len(foreign)] for row in range(5)]
            yield _export(f"{language} {encoding} short", encoding, short)
            english = SENTENCES["english"]
            mixed = [
                foreign[row // 8 % len(foreign)] if row % 8 == 7 else english[row % len(english)]
                for row in range(_MANY)
            ]
            yield _export(f"{language} {encoding} mostly English", encoding, mixed)


def _export(name: str, encoding: str, rows: Sequence[str]) -> Export:
    lines = [f'{number},"{row}",{number % 5 + 1}' for number, row in enumerate(rows, 1)]
    text = "\n".join(["id,comment,score", *lines, ""])
    return Export(name, text.encode(encoding), text)
