"""chorus.toml and its tables.

The modules that read a table define its keys: workers.config.limits_file, gate_file and
schedule_file. workers.config.all_tables reads all of them.
"""

from storage.config import parse
from storage.config.config_file import ConfigFile, unknown_name
from storage.places.place import Place

FILE_NAME = "chorus.toml"
TABLES = ("defaults", "models", "schedule")  # every table that the file may have


def read_toml(place: Place) -> ConfigFile:
    """Read the file below the root; an empty one if there is none. Raises BadConfigFile."""
    return _check_names(parse.read_toml(place, FILE_NAME))


def parse_toml(data: bytes, file: str) -> ConfigFile:
    """Parse the bytes of the file; `file` is its name in errors. Raises BadConfigFile."""
    return _check_names(parse.parse_toml(data, file))


def _check_names(toml: ConfigFile) -> ConfigFile:
    for name in toml.tables:
        if name not in TABLES:
            raise toml.error_at((name,), unknown_name("table", name, TABLES))
    return toml
