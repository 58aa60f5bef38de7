"""Types of settings: how a text becomes a value, and which values are allowed."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar, cast, get_args

from models.interface.device import DEVICE_PATTERN
from models.interface.precision import Precision
from storage.errors import BadRequest
from storage.places.allowlist import UnclearLocation, canonical_location
from tasks.broker.broker_url import BrokerAddress

T = TypeVar("T")

LogForm = Literal["text", "json"]


class BadSetting(BadRequest):
    """A setting or an option has a value that is not allowed."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        self.name, self.value = name, value
        super().__init__(f"{name} is {value!r}; expected {expected}.")


@dataclass(frozen=True)
class SettingType(Generic[T]):
    """A type of value. `parse` raises ValueError for a text that is not allowed; its message is
    appended to `expected`.
    """

    expected: str  # which values are allowed: for error messages and docs/settings.md
    parse: Callable[[str], T]
    format: Callable[[T], str | int] = str  # the inverse of `parse`
    show: Callable[[T], str] | None = None  # for people, where it differs from `format`

    def read(self, name: str, text: str) -> T:
        """Return the value that `text` stands for. Raises BadSetting, which names `name`."""
        try:
            return self.parse(text)
        except ValueError as error:
            raise BadSetting(name, text, f"{self.expected}{error}") from None


def count(most: int | None = None, unit: int = 1) -> SettingType[int]:
    """Return the type of a whole number of `unit`, from 1 to `most`."""
    expected = "a whole number above 0" if most is None else f"a whole number from 1 to {most}"

    def parse(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= (most or int(text)):
            raise ValueError
        return int(text) * unit

    return SettingType(expected, parse, lambda value: value // unit)


def pubsub_name(collection: str) -> SettingType[str]:
    """Return the type of the full name of a Pub/Sub resource; `collection`: topics or
    subscriptions.
    """
    pattern = rf"projects/[^/\s]+/{collection}/[A-Za-z][A-Za-z0-9._~+%-]{{2,254}}"
    return _matching(
        pattern,
        f"a full name, as in projects/my-project/{collection}/feedback; the last word has 3 to 255 "
        "letters, digits and -._~+%, a letter first",
    )


def _matching(pattern: str | re.Pattern[str], expected: str) -> SettingType[str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return SettingType(expected, parse)


def _root(text: str) -> str:
    return text if "://" in text else str(_folder(text))


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _precision(text: str) -> Precision:
    if text not in get_args(Precision):
        raise ValueError
    return cast("Precision", text)


def _log_form(text: str) -> LogForm:
    if text not in get_args(LogForm):
        raise ValueError
    return cast("LogForm", text)


def _places(text: str) -> tuple[str, ...]:
    """Return every place by its one name, so that error messages show what is compared."""
    try:
        places = tuple(canonical_location(place).url for place in text.replace(",", " ").split())
    except UnclearLocation as error:
        raise ValueError(f"; of one of these, {error}") from None
    if not places:
        raise ValueError
    return places


ROOT = SettingType("a local path, gs://… or s3://…", _root)
FOLDER = SettingType("a local path", _folder)
BROKER_URL = SettingType(
    # BrokerAddress checks it when the broker is needed
    "a redis://, rediss:// or sentinel:// URL",
    str,
    show=lambda url: BrokerAddress(url).without_password,
)
PLACES = SettingType(
    "folders and buckets (/srv/in, gs://bucket/in), commas or spaces between", _places, " ".join
)
DEVICE = _matching(DEVICE_PATTERN, "auto, cpu, cuda, or one of several GPUs: cuda:0, cuda:1, …")
PRECISION = SettingType(f"one of {', '.join(get_args(Precision))}", _precision)
LOG_FORM = SettingType(" or ".join(get_args(LogForm)), _log_form)
COUNT = count()
MEGABYTES = count(unit=10**6)
