"""Read the text of a TOML or JSON file into tables. Every error names the file and line."""

import json
import tomllib

from storage.config.config_file import BadConfigFile, ConfigFile
from storage.config.json_lines import RepeatedKey, lines_of
from storage.config.shown_values import show_value
from storage.config.toml_lines import line_of_syntax
from storage.places.place import Absent, Place


def read_toml(place: Place, name: str) -> ConfigFile:
    """Read a TOML file of a place; an empty one if there is none. Raises BadConfigFile."""
    try:
        return parse_toml(place.read(name), place.url_of(name))
    except Absent:
        return ConfigFile(place.url_of(name))


def parse_toml(data: bytes, file: str) -> ConfigFile:
    """Parse the bytes of a TOML file; `file` is its name in errors. Raises BadConfigFile."""
    text = _decode(data, file)
    try:
        return ConfigFile(file, text, tomllib.loads(text))
    except ValueError as error:
        raise BadConfigFile(
            file, line_of_syntax(text, error), "", f"this is not TOML: {error}."
        ) from None
    except RecursionError:
        raise _nested_too_deeply(file) from None


def parse_json(data: bytes, file: str) -> ConfigFile:
    """Parse the bytes of a JSON file; `file` is its name in errors. Raises BadConfigFile."""
    text = _decode(data, file)
    try:
        tables = json.loads(text)
        lines = lines_of(text)
    except json.JSONDecodeError as error:
        problem = f"this is not JSON: {error.msg} (at column {error.colno})."
        raise BadConfigFile(file, error.lineno, "", problem) from None
    except RepeatedKey as error:
        raise BadConfigFile(file, error.line, error.key, f"{error}. Remove one of them.") from None
    except ValueError as error:
        raise BadConfigFile(
            file, line_of_syntax(text, error), "", f"this is not JSON: {error}."
        ) from None
    except RecursionError:
        raise _nested_too_deeply(file) from None
    if not isinstance(tables, dict):
        problem = f"this is {show_value(tables)}; it must be an object."
        raise BadConfigFile(file, 1, "", problem)
    return ConfigFile(file, text, tables, lines)


def _decode(data: bytes, file: str) -> str:
    """Return the text, without the mark that some editors write first. Raises BadConfigFile."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadConfigFile(file, line, "", "this is not UTF-8. Save the file as UTF-8.") from None


def _nested_too_deeply(file: str) -> BadConfigFile:
    return BadConfigFile(file, 1, "", "the values are nested too deeply to be read.")
