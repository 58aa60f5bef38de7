"""The limits of the pools in chorus.toml: [defaults] and [models.X]."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from models.interface.device import DEVICE_PATTERN
from storage.names import BadName, check_name
from storage.places.place import Place
from workers.autoscaling.limits import Limits
from workers.config.chorus_toml import (
    Check,
    ChorusToml,
    header_of,
    parse_toml,
    parse_whole_number,
    read_toml,
)
from workers.config.gate_file import GATE
from workers.config.quantities import parse_duration, parse_size
from workers.config.toml_lines import TomlPath


@dataclass(frozen=True)
class LimitsFile:
    """The limits of all models."""

    defaults: Limits = field(default_factory=Limits)
    models: Mapping[str, Limits] = field(default_factory=dict)  # those with a table of their own

    def for_model(self, model: str) -> Limits:
        """Return the limits of a model."""
        return self.models.get(model, self.defaults)


def read_limits(place: Place) -> LimitsFile:
    """Read the limits of chorus.toml below the root. Raises BadChorusToml."""
    return _read_all(read_toml(place))


def parse_limits(data: bytes, file: str) -> LimitsFile:
    """Parse the limits in the bytes of chorus.toml; `file` is its name in errors.

    Raises BadChorusToml.
    """
    return _read_all(parse_toml(data, file))


def _read_all(toml: ChorusToml) -> LimitsFile:
    defaults = _read_table(toml, ("defaults",), toml.tables.get("defaults", {}), Limits())
    models = toml.check_table(("models",), toml.tables.get("models", {}))
    return LimitsFile(
        defaults, {name: _read_model(toml, name, table, defaults) for name, table in models.items()}
    )


def _read_model(toml: ChorusToml, name: str, table: object, defaults: Limits) -> Limits:
    path = ("models", name)
    try:
        check_name("model", name)
    except BadName as error:
        raise toml.error_at(path, str(error)) from None
    return _read_table(toml, path, table, defaults)


def _read_table(toml: ChorusToml, path: TomlPath, table: object, base: Limits) -> Limits:
    values = {
        key: toml.check_value(path, key, value, _KEYS, _hint(path, key, value))
        for key, value in toml.check_table(path, table).items()
        if key != GATE
    }
    limits = replace(base, **values)  # type: ignore[arg-type]  # each was checked by its entry in _KEYS
    if limits.max is not None and limits.min > limits.max:
        key = "max" if "max" in values else "min"
        raise toml.error_at(
            (*path, key),
            f"in {header_of(path)} min is {limits.min} and max is {limits.max}; allowed is a max "
            "of at least min. A key that a model's table leaves out is taken from [defaults].",
        )
    return limits


def _hint(path: TomlPath, key: str, value: object) -> str:
    """Return a hint if a model's table has a table: often a name with a dot lacks its quotes."""
    if path[0] != "models" or not isinstance(value, dict):
        return ""
    return f" A model's name with a dot is quoted: {header_of(('models', f'{path[-1]}.{key}'))}."


def _drain(value: object) -> float:
    duration = parse_duration(value)
    if not duration:
        raise ValueError("a duration above 0")
    return duration


def _device(value: object) -> str:
    if not isinstance(value, str) or not DEVICE_PATTERN.fullmatch(value):
        raise ValueError('"auto", "cpu", "cuda", or one of several GPUs: "cuda:0", "cuda:1", …')
    return value


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError("a number above 0, and 1 at most")
    return float(value)


_KEYS: dict[str, Check] = {
    "min": lambda value: parse_whole_number(value, 0),
    "max": lambda value: parse_whole_number(value, 1),
    "keep_warm": parse_duration,
    "drain": _drain,
    "threads": lambda value: parse_whole_number(value, 1),
    "memory": parse_size,
    "device": _device,
    "gpu": _share,
}
