"""The schedules in chorus.toml: [[schedule]]."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from storage.names import BadName, check_name
from storage.places.place import Place
from storage.versions.schedule_state import run_name
from tasks.jobs.cron import Cron, check_line, check_zone
from tasks.jobs.schedule import Schedule
from workers.config.chorus_toml import Check, ChorusToml, header, parse_toml, read_toml, whole
from workers.config.quantities import seconds
from workers.config.toml_lines import Path

_NEEDED = ("name", "cron")
ALL = "all"  # customers


def read_schedules(place: Place) -> dict[str, Schedule]:
    """Read the schedules of chorus.toml, by name. Raises BadChorusToml."""
    return _schedules_in(read_toml(place))


def parse_schedules(data: bytes, file: str) -> dict[str, Schedule]:
    """Parse the schedules in the bytes of chorus.toml; `file` names it. Raises BadChorusToml."""
    return _schedules_in(parse_toml(data, file))


def _schedules_in(toml: ChorusToml) -> dict[str, Schedule]:
    schedules: dict[str, Schedule] = {}
    for path, table in toml.tables_at("schedule"):
        schedule = _schedule(toml, path, table)
        if schedule.name in schedules:
            raise toml.bad(
                (*path, "name"), f"there is another {header(path)} with the name {schedule.name!r}."
            )
        schedules[schedule.name] = schedule
    return schedules


def _schedule(toml: ChorusToml, path: Path, table: Mapping[str, object]) -> Schedule:
    values: dict[str, Any] = {}  # Any: each is checked by its entry in _KEYS
    for key, value in table.items():
        values[key] = toml.value(path, key, value, _KEYS)
    for key in _NEEDED:
        if key not in values:
            raise toml.bad(path, f"{header(path)} has no {key}; it needs {' and '.join(_NEEDED)}.")
    cron = Cron(values.pop("cron"), values.pop("timezone", "UTC"))
    return Schedule(cron=cron, **values)


def _name(value: object) -> str:
    """Short enough that its runs have names, too."""
    try:
        name = check_name("schedule", _text(value))
        run_name(name, 0)
    except BadName:
        raise ValueError("up to 56 lower-case letters, digits, '-', '_' and dots inside") from None
    return name


def _customers(value: object) -> tuple[str, ...] | None:
    if value == ALL:
        return None
    try:
        customers = (
            [check_name("customer", _text(one)) for one in value] if isinstance(value, list) else []
        )
    except BadName as error:
        raise ValueError(f'"{ALL}", or a list of customers: {error}') from None
    if not customers or len(set(customers)) < len(customers):
        raise ValueError(f'"{ALL}", or a list of customers, each once')
    return tuple(customers)


def _text(value: object) -> str:
    """As it is; what is no text is no name."""
    return value if isinstance(value, str) else ""


_KEYS: dict[str, Check] = {
    "name": _name,
    "cron": check_line,
    "timezone": check_zone,
    "customers": _customers,
    "since": lambda value: timedelta(seconds=seconds(value)),
    "keep": lambda value: whole(value, 0),
}
