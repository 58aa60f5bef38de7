"""Stored datasets by the names that people give them: an id, or the beginning of one."""

from dataclasses import dataclass

from storage.errors import BadRequest
from storage.names import check_name
from storage.places.place import Place
from storage.records.feedback import customers as all_customers

_MAX_LISTED = 20


class NoSuchDataset(BadRequest):
    """No stored dataset has this id, or several begin with it."""

    def __init__(self, name: str, found: list["DatasetName"]) -> None:
        self.name, self.found = name, found
        listed = ", ".join(f"{one.id} of {one.customer}" for one in found[:_MAX_LISTED])
        super().__init__(
            f"Several datasets begin with {name!r}: {listed}. Give the whole id, and --customer."
            if found
            else f"There is no dataset {name!r}. `chorus feedback list` lists the stored ones."
        )


@dataclass(frozen=True)
class DatasetName:
    """The name of a dataset, complete or half removed."""

    customer: str
    id: str


def find_dataset(place: Place, name: str, customer: str | None) -> DatasetName:
    """Return the dataset whose id is `name`, or the only one whose id begins with it.

    `customer`: its owner; None: any. Raises NoSuchDataset, BadName.
    """
    customers = [check_name("customer", customer)] if customer else all_customers(place)
    found = [
        DatasetName(one, id_)
        for one in customers
        for id_ in place.names(f"feedback/{one}")
        if name and id_.startswith(name)
    ]
    exact = [one for one in found if one.id == name]
    chosen = exact or found
    if len(chosen) != 1:
        raise NoSuchDataset(name, chosen)
    return chosen[0]
