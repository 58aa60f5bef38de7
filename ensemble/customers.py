"""customers.toml: which ensemble labels a customer's feedback."""

import tomllib

from pydantic import Field

from storage.names import check_name
from storage.places.place import Absent, Place
from storage.record import BadRecord, Record

FILE = "customers.toml"


class Customer(Record):
    ensemble: str


class Customers(Record):
    """`default` serves every customer without an entry of their own."""

    default: str = "default"
    customers: dict[str, Customer] = Field(default_factory=dict)

    def ensemble(self, customer: str) -> str:
        """The name of the ensemble for a customer. Raises BadName."""
        entry = self.customers.get(check_name("customer", customer))
        return entry.ensemble if entry else self.default


def read_customers(place: Place) -> Customers:
    """The file below the root; without one every customer gets the ensemble `default`. Raises
    BadRecord.
    """
    try:
        text = place.read(FILE).decode()
        return Customers.model_validate(tomllib.loads(text))
    except Absent:
        return Customers()
    # not UTF-8, not TOML, or not these fields: all three are ValueErrors
    except ValueError as error:
        raise BadRecord("customers file", place.at(FILE), str(error)) from None
