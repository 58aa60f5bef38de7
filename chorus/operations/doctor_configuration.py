"""The checks of `chorus doctor` on customers.toml and chorus.toml."""

from collections.abc import Callable, Iterable

from chorus.registry.gate_inputs import check_gate_inputs
from ensemble.customers import read_customers
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.name_list import list_names
from storage.places.place import Place
from storage.records import feedback
from storage.versions.version_store import CHAMPION
from tasks.jobs.submit import resolve_versions
from workers.config.chorus_toml import FILE_NAME
from workers.config.gate_file import Gate, read_gates
from workers.config.limits_file import read_limits
from workers.config.schedule_file import read_schedules


class SeveralMistakes(ChorusError):
    """All mistakes that a check found, one a line."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class UnknownModels(ChorusError):
    """Tables of chorus.toml for models that are not published."""

    def __init__(self, file: str, unknown: list[str], published: list[str]) -> None:
        self.unknown, self.published = unknown, published
        super().__init__(
            f"{file} has tables for models that are not published: {', '.join(unknown)}. Remove "
            f"them, or publish the models. Published: {list_names(published, unknown[0])}."
        )


class UnknownCustomers(ChorusError):
    """Schedules of chorus.toml for customers without feedback."""

    def __init__(self, file: str, unknown: list[str], customers: list[str]) -> None:
        self.unknown, self.customers = unknown, customers
        super().__init__(
            f"{file} has schedules for customers without feedback: {', '.join(unknown)}. Remove "
            f"them, or upload their first feedback. With "
            f"feedback: {list_names(customers, unknown[0])}."
        )


def check_customers(place: Place) -> str:
    """Check that every customer's ensemble resolves to models that answer its targets."""
    customers = read_customers(place)
    _check_each(
        ("default", *customers.ensembles), lambda customer: resolve_versions(place, customer)
    )
    return ", ".join(customers.ensembles) or "none of their own; all use the default ensemble"


def check_limits(place: Place) -> str:
    """Check the limits of chorus.toml, and that the models of its tables are published."""
    named, published = list(read_limits(place).models), ModelRegistry(place).names()
    unknown = [name for name in named if name not in published]
    if unknown:
        raise UnknownModels(place.url_of(FILE_NAME), unknown, published)
    return ", ".join(named) or "the defaults, for every model"


def check_gates(place: Place) -> str:
    """Check that the gate of every published model can be measured."""
    gates, registry = read_gates(place), ModelRegistry(place)
    names = [name for name in registry.names() if gates.for_model(name) != Gate()]

    def check(name: str) -> None:
        versions, champion = registry.versions(name), registry.aliases(name).get(CHAMPION)
        version = champion if champion in versions else versions[-1]
        check_gate_inputs(place, gates, registry.manifest(name, version))

    _check_each(names, check)
    return ", ".join(names) or "none"


def check_schedules(place: Place) -> str:
    """Check the schedules of chorus.toml, and that their customers have feedback."""
    schedules, customers = read_schedules(place), feedback.customers(place)
    named = {customer for schedule in schedules.values() for customer in schedule.customers or ()}
    unknown = sorted(named.difference(customers))
    if unknown:
        raise UnknownCustomers(place.url_of(FILE_NAME), unknown, customers)
    return ", ".join(schedules) or "none"


def _check_each(names: Iterable[str], check: Callable[[str], object]) -> None:
    """Check each of the names. Raises SeveralMistakes with the different errors of all."""
    mistakes = []
    for name in names:
        try:
            check(name)
        except ChorusError as error:
            mistakes.append(str(error))
    if mistakes:
        raise SeveralMistakes(list(dict.fromkeys(mistakes)))
