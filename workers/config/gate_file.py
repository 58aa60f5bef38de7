"""The promotion gates in chorus.toml: [defaults.gate] and [models.X.gate]."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from storage.places.place import Place
from workers.config.chorus_toml import (
    Check,
    ChorusToml,
    header_of,
    parse_toml,
    parse_whole_number,
    read_toml,
)
from workers.config.toml_lines import TomlPath

GATE = "gate"


@dataclass(frozen=True)
class Gate:
    """The conditions of a promotion."""

    # the largest share of rows whose label may change, against the champion
    most_flips: float | None = None
    rows: int = 5_000  # of stored feedback, on which the flips are counted
    least_macro_f1: float | None = None  # on `labelled`
    # a file below the root, or an absolute path, with the columns `text` and `labels`
    labelled: str | None = None


@dataclass(frozen=True)
class Gates:
    """The gates of all models."""

    defaults: Gate = field(default_factory=Gate)
    models: Mapping[str, Gate] = field(default_factory=dict)  # those with a table of their own

    def for_model(self, model: str) -> Gate:
        """Return the gate of a model."""
        return self.models.get(model, self.defaults)


def read_gates(place: Place) -> Gates:
    """Read the gates of chorus.toml below the root. Raises BadChorusToml."""
    return _read_all(read_toml(place))


def parse_gates(data: bytes, file: str) -> Gates:
    """Parse the gates in the bytes of chorus.toml; `file` is its name in errors.

    Raises BadChorusToml.
    """
    return _read_all(parse_toml(data, file))


def _read_all(toml: ChorusToml) -> Gates:
    defaults = _read_gate(toml, ("defaults",), toml.tables.get("defaults", {}), Gate())
    models = toml.check_table(("models",), toml.tables.get("models", {}))
    return Gates(
        defaults,
        {
            name: _read_gate(toml, ("models", name), table, defaults)
            for name, table in models.items()
        },
    )


def _read_gate(toml: ChorusToml, parent: TomlPath, limits: object, base: Gate) -> Gate:
    """Return the gate in a table of limits, which may have none; `base` has the other values."""
    path = (*parent, GATE)
    table = toml.check_table(path, toml.check_table(parent, limits).get(GATE, {}))
    values = {key: toml.check_value(path, key, value, _KEYS) for key, value in table.items()}
    gate = replace(base, **values)  # type: ignore[arg-type]  # each was checked by its entry in _KEYS
    if gate.least_macro_f1 is not None and gate.labelled is None:
        raise toml.error_at(
            path,
            f"{header_of(path)} has least_macro_f1 and no labelled, the file to measure it on.",
        )
    return gate


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1, such as 0.02")
    return float(value)


def _file(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("the name of a file below CHORUS_HOME, or an absolute path")
    return value


_KEYS: dict[str, Check] = {
    "most_flips": _share,
    "rows": lambda value: parse_whole_number(value, 1),
    "least_macro_f1": _share,
    "labelled": _file,
}
