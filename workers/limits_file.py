"""chorus.toml: the limits of the pools. Every error names its line and what is allowed there."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from models.device import PATTERN
from storage.errors import BadRequest
from storage.names import BadName, check_name
from storage.place import Absent, Place
from workers.limits import Limits
from workers.quantities import seconds, size
from workers.toml_lines import line_of, line_of_syntax

FILE = "chorus.toml"
TABLES = ("defaults", "models")  # all that the file may hold; what is added here has a reader of its own


@dataclass(frozen=True)
class LimitsFile:
    """What the file says; without one, the defaults for every model."""

    defaults: Limits = field(default_factory=Limits)
    models: Mapping[str, Limits] = field(default_factory=dict)  # those that have a table of their own

    def of(self, model: str) -> Limits:
        return self.models.get(model, self.defaults)


class BadLimits(BadRequest):
    """chorus.toml says something that cannot be. `key` is the table or key, with dots between its parts."""

    def __init__(self, file: str, line: int, key: str, problem: str) -> None:
        self.file, self.line, self.key, self.problem = file, line, key, problem
        super().__init__(f"{file}, line {line}: {problem}")


def read_limits(place: Place) -> LimitsFile:
    """The file below the root; without one the defaults hold. Raises BadLimits."""
    try:
        return parse_limits(place.read(FILE), place.at(FILE))
    except Absent:
        return LimitsFile()


def parse_limits(data: bytes, file: str) -> LimitsFile:
    """What the bytes of the file say; `file` names it in errors. Raises BadLimits."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadLimits(file, line, "", "this is not UTF-8. Save the file as UTF-8.") from None
    try:
        tables = tomllib.loads(text)
    except ValueError as error:
        raise BadLimits(file, line_of_syntax(text, error), "", f"this is not TOML: {error}.") from None
    source = _Source(file, text)
    for name in tables:
        if name not in TABLES:
            raise source.bad((name,), _unknown("table", name, TABLES))
    defaults = source.limits(("defaults",), tables.get("defaults", {}), Limits())
    models = source.keys(("models",), tables.get("models", {}))
    return LimitsFile(defaults, {name: source.model(name, found, defaults) for name, found in models.items()})


@dataclass(frozen=True)
class _Source:
    """The text that the values came from, which knows the line of each."""

    file: str
    text: str

    def bad(self, path: tuple[str, ...], problem: str) -> BadLimits:
        return BadLimits(self.file, line_of(self.text, path), ".".join(path), problem)

    def keys(self, path: tuple[str, ...], found: object) -> dict[str, object]:
        if not isinstance(found, dict):
            raise self.bad(path, f"{_header(path)} is {_toml(found)}; it must be a table.")
        return found

    def model(self, name: str, found: object, defaults: Limits) -> Limits:
        path = ("models", name)
        try:
            check_name("model", name)
        except BadName as error:
            raise self.bad(path, str(error)) from None
        return self.limits(path, found, defaults)

    def limits(self, path: tuple[str, ...], found: object, base: Limits) -> Limits:
        values = {key: self.value(path, key, value) for key, value in self.keys(path, found).items()}
        limits = replace(base, **values)  # type: ignore[arg-type]  # each was checked by its entry in _KEYS
        if limits.max is not None and limits.min > limits.max:
            key, where = ("max" if "max" in values else "min"), _header(path)
            problem = f"in {where} min is {limits.min} and max is {limits.max}; allowed is a max of at least min"
            raise self.bad((*path, key), f"{problem}. What a model's table does not say, [defaults] says.")
        return limits

    def value(self, path: tuple[str, ...], key: str, value: object) -> object:
        where = (*path, key)
        if key not in _KEYS:
            dotted = f"{path[-1]}.{key}" if path[0] == "models" and isinstance(value, dict) else ""
            hint = f" A model's name with a dot is quoted: {_header(('models', dotted))}." if dotted else ""
            raise self.bad(where, _unknown(f"key in {_header(path)}", key, tuple(_KEYS)) + hint)
        try:
            return _KEYS[key](value)
        except ValueError as error:
            raise self.bad(where, f"{key} in {_header(path)} is {_toml(value)}; allowed is {error}.") from None


def _whole(value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"a whole number, {least} or more")
    return value


def _drain(value: object) -> float:
    found = seconds(value)
    if not found:
        raise ValueError("a duration above 0")
    return found


def _device(value: object) -> str:
    if not isinstance(value, str) or not PATTERN.fullmatch(value):
        raise ValueError('"auto", "cpu", "cuda", or one of several GPUs: "cuda:0", "cuda:1", …')
    return value


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError("a number above 0, and 1 at most")
    return float(value)


_KEYS: dict[str, Callable[[object], object]] = {
    "min": lambda value: _whole(value, 0),
    "max": lambda value: _whole(value, 1),
    "keep_warm": seconds,
    "drain": _drain,
    "threads": lambda value: _whole(value, 1),
    "memory": size,
    "device": _device,
    "gpu": _share,
}


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"there is no {what} with the name {name!r}. {meant}There are: {', '.join(known)}."


def _header(path: tuple[str, ...]) -> str:
    bare = (name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False) for name in path)
    return f"[{'.'.join(bare)}]"


def _toml(value: object) -> str:
    """A value as the file has it, near enough, and not too long."""
    shown = "a table" if isinstance(value, dict) else json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


_LONGEST_SHOWN = 60  # characters
