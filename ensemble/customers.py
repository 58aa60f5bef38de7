"""customers.toml: the ensemble that labels each customer's feedback."""

import tomllib

from pydantic import Field

from storage.names import check_name
from storage.places.place import Absent, Place
from storage.record import BadRecord, Record

FILE = "customers.toml"


class Customer(Record):
    """A customer's table in the file."""

    ensemble: str


class Customers(Record):
    """The whole file. `default` is the ensemble of every customer without a table of their own."""

    default: str = "default"
    customers: dict[str, Customer] = Field(default_factory=dict)

    def ensemble(self, customer: str) -> str:
        """Return the name of a customer's ensemble. Raises BadName."""
        entry = self.customers.get(check_name("customer", customer))
        return entry.ensemble if entry else self.default


def read_customers(place: Place) -> Customers:
    """Read the file below the root; without one every customer has the ensemble `default`.

    Raises BadRecord.
    """
    try:
        text = place.read(FILE).decode()
        return Customers.model_validate(tomllib.loads(text))
    except Absent:
        return Customers()
    # Not UTF-8, not TOML, or not these fields: all three are ValueErrors.
    except ValueError as error:
        raise BadRecord("customers file", place.url_of(FILE), str(error)) from None
