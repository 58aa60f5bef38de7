"""The promotion gates in chorus.toml: [defaults.gate] and [models.X.gate]."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from storage.config.config_file import ConfigFile, ValueCheck
from storage.config.toml_lines import KeyPath
from storage.config.value_checks import parse_share, parse_whole_number
from storage.places.place import Place
from workers.config.chorus_toml import read_toml
from workers.config.model_tables import ModelTables, read_model_tables

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


def read_gates(place: Place) -> ModelTables[Gate]:
    """Read the gates of chorus.toml below the root. Raises BadConfigFile."""
    return gates_of(read_toml(place))


def gates_of(toml: ConfigFile) -> ModelTables[Gate]:
    """Return the gates in the file. Raises BadConfigFile."""
    return read_model_tables(toml, Gate(), _read_gate)


def _read_gate(toml: ConfigFile, parent: KeyPath, limits: Mapping[str, object], base: Gate) -> Gate:
    """Return the gate in a table of limits, which may have none."""
    path = (*parent, GATE)
    table = toml.check_table(path, limits.get(GATE, {}))
    values = {key: toml.check_value(path, key, value, _KEYS) for key, value in table.items()}
    gate = replace(base, **values)  # type: ignore[arg-type]  # each was checked by its entry in _KEYS
    if gate.least_macro_f1 is not None and gate.labelled is None:
        raise toml.error_at(
            path,
            f"{toml.header_of(path)} has least_macro_f1 and no labelled, the file to measure it "
            "on.",
        )
    return gate


def _file(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("the name of a file below CHORUS_HOME, or an absolute path")
    return value


_KEYS: dict[str, ValueCheck] = {
    "most_flips": parse_share,
    "rows": lambda value: parse_whole_number(value, 1),
    "least_macro_f1": parse_share,
    "labelled": _file,
}
