"""`chorus doctor`: list every setting, run every check, and say what to do when one fails."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

from chorus.common.console import print_json, print_line
from chorus.common.console_table import print_table
from chorus.common.settings import Settings, shown_values
from chorus.common.settings_table import SETTINGS
from chorus.operations import doctor_messages
from chorus.operations.doctor_configuration import (
    check_customers,
    check_gates,
    check_limits,
    check_schedules,
)
from ensemble.spec import EnsembleRegistry
from models.interface.device import choose_device, gather_gpu_facts
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.concurrent import map_concurrently
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.places.retry import StorageUnavailable
from workers.processes.embedded_broker import server_binary

Check = tuple[str, Callable[[], str]]  # its name, and what returns a description or raises


@dataclass(frozen=True)
class DoctorFinding:
    """Result of one check: its name, whether it passed, and what was found or what to do."""

    check: str
    well: bool
    found: str


def examine(settings: Settings, as_json: bool) -> int:
    """Print the settings and the findings. Return the exit status: 0 if all checks pass, else 1."""
    place = open_place(settings.home)
    storage_checks: list[Check] = [
        ("root is writable", lambda: _writable(place)),
        ("models", lambda: _models(place)),
        ("ensembles", lambda: _ensembles(place)),
        ("customers", lambda: check_customers(place)),
        ("limits", lambda: check_limits(place)),
        ("gates", lambda: check_gates(place)),
        ("schedules", lambda: check_schedules(place)),
    ]
    other_checks: list[Check] = [
        ("Python", platform.python_version),
        ("broker", lambda: _broker(settings)),
        ("device", lambda: _device(settings)),
        *doctor_messages.message_checks(settings, place),
    ]
    # Run concurrently: if storage is unavailable, each check waits through its own retries.
    findings = [
        *map_concurrently(place, _run_check, storage_checks),
        *map(_run_check, other_checks),
    ]
    values = shown_values(settings)
    well = all(finding.well for finding in findings)
    if as_json:
        print_json(
            {
                "well": well,
                "settings": values,
                "findings": [vars(finding) for finding in findings],
            }
        )
    else:
        print_table(
            ("setting", "value", "meaning"),
            [
                (setting.name, values[setting.name] or f"unset: {setting.default}", setting.help)
                for setting in SETTINGS
            ],
        )
        print_line()
        print_table(
            ("check", "", "found"),
            [
                (finding.check, "ok" if finding.well else "BAD", finding.found)
                for finding in findings
            ],
            keep_lines=True,
        )
    return 0 if well else 1


def _run_check(named_check: Check) -> DoctorFinding:
    name, check = named_check
    try:
        return DoctorFinding(name, True, check())
    except (ChorusError, StorageUnavailable) as error:
        return DoctorFinding(name, False, str(error))


class ConditionIgnored(ChorusError):
    """Storage that overwrites a file which must only be created if it is missing."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} let a file be created that was there already. Aliases, claims and jobs need "
            "storage that refuses this. Use other storage, or a later version of it."
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
    """A root without models, or without ensembles."""

    def __init__(self, collection: str, command: str) -> None:
        super().__init__(
            f"There are no {collection} yet. Run `make demo` for the demo's, or `{command}`."
        )


def _models(place: Place) -> str:
    """Verify every champion's artifacts against their digests."""
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


def _device(settings: Settings) -> str:
    """Return the device for transformers. torch is imported only if the settings require a GPU."""
    return choose_device(
        settings.device, gather_gpu_facts(count_with_torch=settings.device.startswith("cuda"))
    )
