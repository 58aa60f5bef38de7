"""Files of labelled texts, for training and for measuring: .csv, .tsv or .jsonl in UTF-8.

Each row is a text with its answer. An any-of answer is `price|delivery`, or a JSON list `["price",
"delivery"]`; empty means that no label holds.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from models.interface.manifest import Mode
from models.interface.training_set import LabelledTexts, build_labelled_texts
from storage.errors import BadRequest

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".ndjson")


class BadLabelledFile(BadRequest):
    """A file of labelled texts that cannot be read as such."""

    def __init__(self, file: Path, problem: str) -> None:
        self.file = file
        super().__init__(f"Cannot take labelled texts from {file}: {problem}")


def read_labelled_texts(
    file: Path,
    text_column: str,
    label_column: str,
    mode: Mode,
    labels: tuple[str, ...] | None = None,
) -> LabelledTexts:
    """Read all rows of the file; `labels` are those that may occur, if they are known.

    Raises BadLabelledFile, and BadLabels for answers that fit no target.
    """
    texts: list[str] = []
    answers: list[tuple[str, ...]] = []
    for number, row in _rows(file):
        texts.append(_text(file, number, row, text_column))
        answers.append(_answer(file, number, row, label_column, mode))
    return build_labelled_texts(texts, answers, mode, labels)


def read_texts(file: Path, text_column: str) -> pa.StringArray:
    """Read the texts of such a file, with or without answers. Raises BadLabelledFile."""
    return pa.array(
        [_text(file, number, row, text_column) for number, row in _rows(file)], pa.string()
    )


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row with its number, from 1. Raises BadLabelledFile if there is none."""
    number = 0
    try:
        for number, row in enumerate(_records(file), start=1):
            yield number, row
    except FileNotFoundError:
        raise BadLabelledFile(file, "it is not there.") from None
    except UnicodeDecodeError as error:
        raise BadLabelledFile(
            file, f"byte {error.start} is not UTF-8. Save the file as UTF-8."
        ) from None
    except OSError as error:
        raise BadLabelledFile(file, f"{error.strerror or error}.") from None
    except csv.Error as error:
        raise BadLabelledFile(file, f"row {number + 1} is not CSV: {error}.") from None
    if not number:
        raise BadLabelledFile(file, "it holds no rows.")


def _records(file: Path) -> Iterator[dict[str, Any]]:
    suffix = file.suffix.lower()
    if suffix not in (*_DELIMITERS, *_JSON_LINES):
        raise BadLabelledFile(
            file, f"its name should end in {', '.join([*_DELIMITERS, *_JSON_LINES])}."
        )
    with file.open(encoding="utf-8-sig", newline="") as opened:
        if suffix in _DELIMITERS:
            yield from csv.DictReader(opened, delimiter=_DELIMITERS[suffix])
            return
        for number, line in enumerate(filter(str.strip, opened), start=1):
            row = _json(file, number, line)
            if not isinstance(row, dict):
                raise BadLabelledFile(file, f"row {number} is not a JSON object.")
            yield row


def _json(file: Path, number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadLabelledFile(file, f"row {number} is not JSON: {error}.") from None


def _value(file: Path, number: int, row: dict[str, Any], column: str) -> Any:
    if column not in row:
        columns = ", ".join(str(name) for name in row if name is not None)
        raise BadLabelledFile(
            file, f"row {number} has no column {column!r}. Its columns are: {columns}."
        )
    return row[column]


def _text(file: Path, number: int, row: dict[str, Any], column: str) -> str:
    text = _value(file, number, row, column)
    if not isinstance(text, str) or not text.strip():
        raise BadLabelledFile(file, f"row {number} has no text in the column {column!r}.")
    return text


def _answer(
    file: Path, number: int, row: dict[str, Any], column: str, mode: Mode
) -> tuple[str, ...]:
    """Return the labels of one row, without repetitions."""
    answer = _value(file, number, row, column)
    if mode == "any_of" and isinstance(answer, str):
        answer = _json(file, number, answer) if answer.startswith("[") else answer.split("|")
    labels = list(answer) if isinstance(answer, list) else [answer]
    if any(not isinstance(label, str) for label in labels):
        raise BadLabelledFile(
            file, f"row {number} has an answer that is not words, in the column {column!r}."
        )
    return tuple(dict.fromkeys(label.strip() for label in labels if label.strip()))
