"""`chorus doctor`: every setting, and every check with what to do when it fails."""

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

from chorus.common.console_table import print_table
from chorus.common.settings import Settings, shown_values
from chorus.common.settings_table import SETTINGS
from chorus.operations import doctor_messages
from ensemble.customers import read_customers
from ensemble.spec import EnsembleRegistry
from models.interface.device import choose_device, gather_gpu_facts
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.concurrent import map_concurrently
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.places.retry import StorageUnavailable
from storage.records import feedback
from tasks.jobs.submit import resolve_versions
from workers.config.chorus_toml import FILE
from workers.config.gate_file import read_gates
from workers.config.limits_file import read_limits
from workers.config.schedule_file import read_schedules
from workers.processes.embedded_broker import server_binary

Check = tuple[str, Callable[[], str]]


@dataclass(frozen=True)
class DoctorFinding:
    """One check: what was looked at, whether it is well, and what was found or what to do."""

    check: str
    well: bool
    found: str


def examine(settings: Settings, as_json: bool) -> int:
    """Print the settings and the findings; 0 if all is well, else 1."""
    place = open_place(settings.home)
    stored: list[Check] = [
        ("root is writable", lambda: _writable(place)),
        ("models", lambda: _models(place)),
        ("ensembles", lambda: _ensembles(place)),
        ("customers", lambda: _customers(place)),
        ("limits", lambda: _limits(place)),
        ("schedules", lambda: _schedules(place)),
    ]
    others: list[Check] = [
        ("Python", platform.python_version),
        ("broker", lambda: _broker(settings)),
        ("device", lambda: _device(settings)),
        *doctor_messages.message_checks(settings, place),
    ]
    # Side by side, or where storage is away each would wait until it is sure of that.
    findings = [*map_concurrently(place, _find, stored), *map(_find, others)]
    values = shown_values(settings)
    well = all(finding.well for finding in findings)
    if as_json:
        print(
            json.dumps(
                {
                    "well": well,
                    "settings": values,
                    "findings": [vars(finding) for finding in findings],
                }
            )
        )
    else:
        print_table(
            ("setting", "value", "meaning"),
            [(one.name, values[one.name] or f"unset: {one.default}", one.help) for one in SETTINGS],
        )
        print()
        print_table(
            ("check", "", "found"),
            [(one.check, "ok" if one.well else "BAD", one.found) for one in findings],
        )
    return 0 if well else 1


def _find(one: Check) -> DoctorFinding:
    name, check = one
    try:
        return DoctorFinding(name, True, check())
    except (ChorusError, StorageUnavailable) as error:
        return DoctorFinding(name, False, str(error))


class ConditionIgnored(ChorusError):
    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} let a file be created that was there already. Aliases, claims and jobs need storage that refuses: "
            "use another, or a later version of it."
        )


def _writable(place: Place) -> str:
    file = f".doctor-{token_hex(4)}"
    place.create(file, b"")
    try:
        if place.create(file, b""):
            raise ConditionIgnored(place.url)
    finally:
        place.remove(file)
    return place.url


def _broker(settings: Settings) -> str:
    if settings.broker is None:
        return f"embedded, {server_binary()}"
    settings.broker.check_answers()
    return settings.broker.without_password


class NothingPublished(ChorusError):
    def __init__(self, what: str, command: str) -> None:
        super().__init__(
            f"There are no {what} yet. Run `make demo` for the demo's, or `{command}`."
        )


def _models(place: Place) -> str:
    """Every champion's artifacts, against their digests."""
    registry = ModelRegistry(place)
    names = registry.names()
    if not names:
        raise NothingPublished("models", "chorus models train")
    for name in names:
        with registry.verified(registry.resolve(name)):
            pass
    return f"{len(names)}, files as published: {', '.join(names)}"


def _ensembles(place: Place) -> str:
    names = EnsembleRegistry(place).names()
    if not names:
        raise NothingPublished("ensembles", "chorus ensembles publish")
    return ", ".join(names)


def _customers(place: Place) -> str:
    """Every customer's ensemble resolves to models that answer its targets."""
    customers = read_customers(place)
    for customer in ("default", *customers.customers):
        resolve_versions(place, customer)
    return ", ".join(customers.customers) or "none of their own; all use the default ensemble"


class UnknownModels(ChorusError):
    def __init__(self, file: str, unknown: list[str], there: list[str]) -> None:
        self.unknown, self.there = unknown, there
        super().__init__(
            f"{file} has tables for models that are not published: {', '.join(unknown)}. Remove them, or publish the "
            f"models. Published: {', '.join(there) or 'none'}."
        )


def _limits(place: Place) -> str:
    """chorus.toml says what can be, of models that there are."""
    read_gates(place)
    named, there = list(read_limits(place).models), ModelRegistry(place).names()
    unknown = [name for name in named if name not in there]
    if unknown:
        raise UnknownModels(place.url_of(FILE), unknown, there)
    return ", ".join(named) or "the defaults, for every model"


class UnknownCustomers(ChorusError):
    def __init__(self, file: str, unknown: list[str], there: list[str]) -> None:
        self.unknown, self.there = unknown, there
        super().__init__(
            f"{file} has schedules for customers without feedback: {', '.join(unknown)}. Remove them, or hand in the "
            f"first of it. With feedback: {', '.join(there) or 'none'}."
        )


def _schedules(place: Place) -> str:
    """chorus.toml says what can be, of customers that there are."""
    schedules, there = read_schedules(place), feedback.customers(place)
    named = {customer for schedule in schedules.values() for customer in schedule.customers or ()}
    unknown = sorted(named.difference(there))
    if unknown:
        raise UnknownCustomers(place.url_of(FILE), unknown, there)
    return ", ".join(schedules) or "none"


def _device(settings: Settings) -> str:
    """What transformers compute on here. torch is asked only about a GPU that has to be there."""
    return choose_device(
        settings.device, gather_gpu_facts(count_with_torch=settings.device.startswith("cuda"))
    )
