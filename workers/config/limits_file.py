"""The limits of the pools in chorus.toml: [defaults] and [models.X]."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from models.interface.device import DEVICE_PATTERN
from storage.names import BadName, check_name
from storage.places.place import Place
from workers.autoscaling.limits import Limits
from workers.config.chorus_toml import Check, ChorusToml, header, parse_toml, read_toml, whole
from workers.config.gate_file import GATE
from workers.config.quantities import seconds, size
from workers.config.toml_lines import Path


@dataclass(frozen=True)
class LimitsFile:
    """The limits of all models."""

    defaults: Limits = field(default_factory=Limits)
    # those that have a table of their own
    models: Mapping[str, Limits] = field(default_factory=dict)

    def of(self, model: str) -> Limits:
        """Return the limits of a model."""
        return self.models.get(model, self.defaults)


def read_limits(place: Place) -> LimitsFile:
    """Read the limits of chorus.toml below the root. Raises BadChorusToml."""
    return _limits_in(read_toml(place))


def parse_limits(data: bytes, file: str) -> LimitsFile:
    """Parse the limits in the bytes of chorus.toml; `file` names it in errors. Raises
    BadChorusToml.
    """
    return _limits_in(parse_toml(data, file))


def _limits_in(toml: ChorusToml) -> LimitsFile:
    defaults = _limits(toml, ("defaults",), toml.tables.get("defaults", {}), Limits())
    models = toml.table(("models",), toml.tables.get("models", {}))
    return LimitsFile(
        defaults, {name: _model(toml, name, table, defaults) for name, table in models.items()}
    )


def _model(toml: ChorusToml, name: str, value: object, defaults: Limits) -> Limits:
    path = ("models", name)
    try:
        check_name("model", name)
    except BadName as error:
        raise toml.bad(path, str(error)) from None
    return _limits(toml, path, value, defaults)


def _limits(toml: ChorusToml, path: Path, table: object, base: Limits) -> Limits:
    values = {
        key: toml.value(path, key, value, _KEYS, _hint(path, key, value))
        for key, value in toml.table(path, table).items()
        if key != GATE
    }
    limits = replace(base, **values)  # type: ignore[arg-type]  # each was checked by its entry in _KEYS
    if limits.max is not None and limits.min > limits.max:
        key, where = ("max" if "max" in values else "min"), header(path)
        problem = f"in {where} min is {limits.min} and max is {limits.max}; allowed is a max of at least min"
        raise toml.bad(
            (*path, key), f"{problem}. What a model's table does not say, [defaults] says."
        )
    return limits


def _hint(path: Path, key: str, value: object) -> str:
    """A table in a model's table is often a name that was cut at its dot."""
    if path[0] != "models" or not isinstance(value, dict):
        return ""
    return f" A model's name with a dot is quoted: {header(('models', f'{path[-1]}.{key}'))}."


def _drain(value: object) -> float:
    duration = seconds(value)
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
    "min": lambda value: whole(value, 0),
    "max": lambda value: whole(value, 1),
    "keep_warm": seconds,
    "drain": _drain,
    "threads": lambda value: whole(value, 1),
    "memory": size,
    "device": _device,
    "gpu": _share,
}
