"""Tables of chorus.toml by model: a key that [models.X] leaves out is taken from [defaults]."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from storage.config.config_file import BadConfigFile, ConfigFile
from storage.config.toml_lines import KeyPath
from storage.names import BadName, check_name

T = TypeVar("T")

# Reads the table at a path; the last argument has the values of the keys that it leaves out.
ReadTable = Callable[[ConfigFile, KeyPath, Mapping[str, object], T], T]


@dataclass(frozen=True)
class ModelTables(Generic[T]):
    """The tables of a file by model."""

    defaults: T
    models: Mapping[str, T]  # those with a table of their own
    file: ConfigFile = field(compare=False)

    def for_model(self, model: str) -> T:
        """Return what holds for a model."""
        return self.models.get(model, self.defaults)

    def error_at(self, model: str, keys: KeyPath, problem: str) -> BadConfigFile:
        """Return an error about a key that holds for a model, in its own table or [defaults]."""
        path = ("models", model, *keys)
        return self.file.error_at(
            path if self.file.contains(path) else ("defaults", *keys), problem
        )


def read_model_tables(toml: ConfigFile, base: T, read_table: ReadTable[T]) -> ModelTables[T]:
    """Read [defaults] and each [models.X]; `base`: what holds without them.

    Raises BadConfigFile.
    """

    def read(path: KeyPath, value: object, below: T) -> T:
        return read_table(toml, path, toml.check_table(path, value), below)

    defaults = read(("defaults",), toml.tables.get("defaults", {}), base)
    tables = toml.check_table(("models",), toml.tables.get("models", {}))
    models = {}
    for name, table in tables.items():
        path = ("models", name)
        try:
            check_name("model", name)
        except BadName as error:
            raise toml.error_at(path, str(error)) from None
        models[name] = read(path, table, defaults)
    return ModelTables(defaults, models, toml)
