"""The limits of the pools in chorus.toml: [defaults] and [models.X]."""

from collections.abc import Mapping
from dataclasses import replace

from models.interface.device import DEVICE_PATTERN
from storage.config.config_file import ConfigFile, ValueCheck
from storage.config.toml_lines import KeyPath
from storage.config.value_checks import parse_number, parse_whole_number
from storage.places.place import Place
from workers.autoscaling.limits import Limits
from workers.config.chorus_toml import parse_toml, read_toml
from workers.config.gate_file import GATE
from workers.config.model_tables import ModelTables, read_model_tables
from workers.config.quantities import parse_duration, parse_size


def read_limits(place: Place) -> ModelTables[Limits]:
    """Read the limits of chorus.toml below the root. Raises BadConfigFile."""
    return limits_of(read_toml(place))


def parse_limits(data: bytes, file: str) -> ModelTables[Limits]:
    """Parse the limits in the bytes of chorus.toml; `file` is its name in errors.

    Raises BadConfigFile.
    """
    return limits_of(parse_toml(data, file))


def limits_of(toml: ConfigFile) -> ModelTables[Limits]:
    """Return the limits in the file. Raises BadConfigFile."""
    return read_model_tables(toml, Limits(), _read_table)


def _read_table(
    toml: ConfigFile, path: KeyPath, table: Mapping[str, object], base: Limits
) -> Limits:
    values = {
        key: toml.check_value(path, key, value, _KEYS, toml.quoting_hint("model", path, key, value))
        for key, value in table.items()
        if key != GATE
    }
    limits = replace(base, **values)  # type: ignore[arg-type]  # each was checked by its entry in _KEYS
    if limits.max is not None and limits.min > limits.max:
        key = "max" if "max" in values else "min"
        raise toml.error_at(
            (*path, key),
            f"in {toml.header_of(path)} min is {limits.min} and max is {limits.max}; allowed is a "
            "max of at least min. A key that a model's table leaves out is taken from [defaults].",
        )
    return limits


def _drain(value: object) -> float:
    duration = parse_duration(value)
    if not duration:
        raise ValueError("a duration above 0")
    return duration


def _device(value: object) -> str:
    if not isinstance(value, str) or not DEVICE_PATTERN.fullmatch(value):
        raise ValueError('"auto", "cpu", "cuda", or one of several GPUs: "cuda:0", "cuda:1", …')
    return value


_KEYS: dict[str, ValueCheck] = {
    "min": lambda value: parse_whole_number(value, 0),
    "max": lambda value: parse_whole_number(value, 1),
    "keep_warm": parse_duration,
    "drain": _drain,
    "threads": lambda value: parse_whole_number(value, 1),
    "memory": parse_size,
    "device": _device,
    "gpu": lambda value: parse_number(
        value, lambda share: 0 < share <= 1, "a number above 0, and 1 at most"
    ),
}
