"""customers.toml: the ensemble that labels each customer's feedback."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ensemble.spec import EnsembleRegistry
from storage.config.config_file import BadConfigFile, ConfigFile, ValueCheck
from storage.config.parse import read_toml
from storage.config.toml_lines import KeyPath
from storage.config.value_checks import parse_name
from storage.names import BadName, check_name
from storage.places.place import Place
from storage.versions.version_store import NotPublished

FILE = "customers.toml"
_DEFAULT = "default"


@dataclass(frozen=True)
class Customers:
    """The whole file. `default` is the ensemble of every customer without a table of their own."""

    default: str
    ensembles: Mapping[str, str]  # customer → ensemble, of those with a table
    file: ConfigFile = field(compare=False)

    def ensemble(self, customer: str) -> str:
        """Return the name of a customer's ensemble. Raises BadName."""
        return self.ensembles.get(check_name("customer", customer), self.default)

    def error_at(self, customer: str, problem: str) -> BadConfigFile | None:
        """Return an error about a customer's ensemble; None if the file does not name one."""
        path: KeyPath = ("default",)
        if customer in self.ensembles:
            path = ("customers", customer, "ensemble")
        return self.file.error_at(path, problem) if self.file.contains(path) else None


def read_customers(place: Place) -> Customers:
    """Read the file below the root; without one every customer has the ensemble `default`.

    Raises BadConfigFile.
    """
    return customers_of(read_toml(place, FILE))


def customers_of(toml: ConfigFile) -> Customers:
    """Return the customers in the file. Raises BadConfigFile."""
    values = {key: toml.check_value((), key, value, _KEYS) for key, value in toml.tables.items()}
    tables = toml.check_table(("customers",), values.get("customers", {}))
    ensembles = {customer: _read_ensemble(toml, customer, tables[customer]) for customer in tables}
    return Customers(str(values.get("default", _DEFAULT)), ensembles, toml)


def resolve_ensemble(place: Place, customer: str) -> tuple[str, int]:
    """Return the name and the champion version of a customer's ensemble.

    Raises BadName, NotPublished, and BadConfigFile if the file names one that is not published.
    """
    customers = read_customers(place)
    name = customers.ensemble(customer)
    try:
        return name, EnsembleRegistry(place).resolve(name)
    except NotPublished as error:
        raise customers.error_at(customer, str(error)) or error from None


def _read_ensemble(toml: ConfigFile, customer: str, table: object) -> str:
    path = ("customers", customer)
    try:
        check_name("customer", customer)
    except BadName as error:
        raise toml.error_at(path, str(error)) from None
    keys = toml.check_table(path, table)
    values = {
        key: toml.check_value(
            path, key, value, _CUSTOMER_KEYS, toml.quoting_hint("customer", path, key, value)
        )
        for key, value in keys.items()
    }
    toml.check_required(path, values, ("ensemble",))
    return str(values["ensemble"])


def _ensemble_name(value: object) -> str:
    return parse_name("an ensemble", value)


_KEYS: dict[str, ValueCheck] = {"default": _ensemble_name, "customers": lambda tables: tables}
_CUSTOMER_KEYS: dict[str, ValueCheck] = {"ensemble": _ensemble_name}
