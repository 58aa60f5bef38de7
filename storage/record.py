"""The base of all stored JSON records: frozen, strict, and the same bytes for the same content."""

import json
import re
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from storage.errors import ChorusError

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class BadRecord(ChorusError):
    """A stored JSON file that is not a valid record of its kind."""

    def __init__(self, kind: str, where: str, reason: str) -> None:
        self.kind, self.where = kind, where
        super().__init__(f"{where} is not a valid {kind}: {reason}")


class Record(BaseModel):
    """One JSON file, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> bytes:
        """Return indented UTF-8 JSON, with the fields in the order of their declaration."""
        return (
            json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
        ).encode()

    @classmethod
    def decode(cls, data: bytes, where: str) -> Self:
        """Return the record in a file's bytes; `where` names the file in the error.

        Raises BadRecord.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "the file"
            kind = _CAPITAL.sub(" ", cls.__name__).lower()
            raise BadRecord(kind, where, f"{field}: {first['msg']}") from None
