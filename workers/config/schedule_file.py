"""The schedules in chorus.toml: [[schedule]]."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from storage.config.config_file import ConfigFile, ValueCheck
from storage.config.toml_lines import KeyPath
from storage.config.value_checks import parse_whole_number
from storage.names import BadName, check_name
from storage.places.place import Place
from storage.versions.schedule_state import run_name
from tasks.jobs.cron import Cron, check_line, check_zone
from tasks.jobs.schedule import Schedule
from workers.config.chorus_toml import read_toml
from workers.config.quantities import parse_duration

_REQUIRED = ("name", "cron")
ALL_CUSTOMERS = "all"


def read_schedules(place: Place) -> dict[str, Schedule]:
    """Read the schedules of chorus.toml, by name. Raises BadConfigFile."""
    return schedules_of(read_toml(place))


def schedules_of(toml: ConfigFile) -> dict[str, Schedule]:
    """Return the schedules in the file, by name. Raises BadConfigFile."""
    schedules: dict[str, Schedule] = {}
    for path, table in toml.array_of_tables(("schedule",), toml.tables.get("schedule", [])):
        schedule = _read_schedule(toml, path, table)
        if schedule.name in schedules:
            raise toml.error_at(
                (*path, "name"),
                f"there is another {toml.header_of(path)} with the name {schedule.name!r}.",
            )
        schedules[schedule.name] = schedule
    return schedules


def _read_schedule(toml: ConfigFile, path: KeyPath, table: Mapping[str, object]) -> Schedule:
    values: dict[str, Any] = {}  # Any: each is checked by its entry in _KEYS
    for key, value in table.items():
        values[key] = toml.check_value(path, key, value, _KEYS)
    toml.check_required(path, values, _REQUIRED)
    cron = Cron(values.pop("cron"), values.pop("timezone", "UTC"))
    return Schedule(cron=cron, **values)


def _name(value: object) -> str:
    """Return a valid name, short enough for the names of its runs. Raises ValueError."""
    try:
        name = check_name("schedule", _text(value))
        run_name(name, 0)
    except BadName:
        raise ValueError("up to 56 lower-case letters, digits, '-', '_' and dots inside") from None
    return name


def _customers(value: object) -> tuple[str, ...] | None:
    if value == ALL_CUSTOMERS:
        return None
    try:
        customers = (
            [check_name("customer", _text(name)) for name in value]
            if isinstance(value, list)
            else []
        )
    except BadName as error:
        raise ValueError(f'"{ALL_CUSTOMERS}", or a list of customers: {error}') from None
    if not customers or len(set(customers)) < len(customers):
        raise ValueError(f'"{ALL_CUSTOMERS}", or a list of customers, each once')
    return tuple(customers)


def _text(value: object) -> str:
    """Return a text as it is, and an empty name, which is invalid, for any other value."""
    return value if isinstance(value, str) else ""


_KEYS: dict[str, ValueCheck] = {
    "name": _name,
    "cron": check_line,
    "timezone": check_zone,
    "customers": _customers,
    "since": lambda value: timedelta(seconds=parse_duration(value)),
    "keep": lambda value: parse_whole_number(value, 0),
}
