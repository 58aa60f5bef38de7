"""One JSON object as a record of feedback: a line of an upload, or the body of a message. Pure."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from intake.detect.encoding import INVALID_MARK
from intake.detect.intake_limits import IntakeLimits
from intake.readers.block import UNDECODABLE_DETAIL, RejectReason, has_invalid_characters
from intake.readers.join_texts import join_texts

# Not strict: control characters in a text are allowed, and cleaned later.
_DECODER = json.JSONDecoder(strict=False)
_INEXACT_FROM = 1e16  # floats from here on are written with an exponent, and not all are whole
_NESTING = IntakeLimits().nesting
RecordFault = tuple[RejectReason, str]  # why a record is rejected, and the detail


@dataclass(frozen=True)
class JsonRecord:
    """The content of a JSON object. Of id and text only the types were checked."""

    id: str | None
    text: str | None
    # the other keys, in their order; values that are not strings as JSON
    extra: tuple[tuple[str, str], ...]


def parse_json_object(line: str) -> dict[str, object] | None:
    """Return the JSON object that a text is, None for anything else."""
    try:
        value = _DECODER.decode(line)
    except (ValueError, RecursionError):  # ValueError: no JSON, or a number of thousands of digits
        return None
    return value if isinstance(value, dict) else None


def parse_json_record(
    line: str, text_keys: Sequence[str], id_key: str | None, max_nesting: int = _NESTING
) -> JsonRecord | RecordFault:
    """Return the record of a text that should be one JSON object, or why it is rejected.

    The values of several text keys are joined, and stay in `extra`.
    """
    used = {id_key, *(text_keys if len(text_keys) == 1 else ())}
    value = parse_json_object(line)
    # Brackets in texts count as well here, so that few objects are searched.
    brackets = line.count("[") + line.count("{")
    if value is not None and brackets > max_nesting and _is_nested(value, max_nesting):
        detail = f"its values are nested in more than {max_nesting} levels"
        return RejectReason.NOT_AN_OBJECT, detail
    if INVALID_MARK in line:
        return RejectReason.UNDECODABLE, UNDECODABLE_DETAIL
    if value is None:
        return RejectReason.NOT_AN_OBJECT, "it is not one JSON object"
    try:
        extra = tuple(
            (key, _as_string(other))
            for key, other in value.items()
            if other is not None and key not in used
        )
        invalid = "\\u" in line and has_invalid_characters(json.dumps(value, ensure_ascii=False))
    except RecursionError:  # values nested so deeply that they can be read and not written
        return RejectReason.NOT_AN_OBJECT, "its values are nested too deeply"
    if invalid:
        return (
            RejectReason.UNDECODABLE,
            "it has half of a surrogate pair (\\ud800 to \\udfff), which is no character",
        )
    id_ = None if id_key is None else value.get(id_key)
    if isinstance(id_, bool | list | dict):
        return RejectReason.BAD_ID, f"the id is {_type_name(id_)}, not a text or a number"
    texts: list[str | None] = []
    for text in map(value.get, text_keys):
        if text is not None and not isinstance(text, str):
            return RejectReason.NO_TEXT, f"the text is {_type_name(text)}, not a text"
        texts.append(text)
    return JsonRecord(_as_id(id_), join_texts(texts), extra)


def _is_nested(value: object, levels: int) -> bool:
    """Return True if objects and lists are nested in more than so many levels."""
    inner = [value]
    for _ in range(levels + 1):
        inner = [
            child
            for outer in inner
            if isinstance(outer, dict | list)
            for child in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(child, dict | list)
        ]
        if not inner:
            return False
    return True


def _as_id(value: object) -> str | None:
    """Return an id as a string: 12, "12" and 12.0 are one id; NaN is none.

    A larger number than a float holds exactly stays as it is, 5.7e+17, so that its loss of digits
    is seen.
    """
    if isinstance(value, float):
        is_exact = value.is_integer() and abs(value) < _INEXACT_FROM
        return None if math.isnan(value) else str(int(value) if is_exact else value)
    return None if value is None else str(value)


def _as_string(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return {int: "a number", float: "a number", list: "a list"}.get(type(value), "an object")
