"""Stored datasets by the names that people give them: an id, or the beginning of one."""

from dataclasses import dataclass

from storage.errors import BadRequest
from storage.name_list import list_names
from storage.names import check_name
from storage.places.place import Place
from storage.records.feedback import customers as all_customers


class NoSuchDataset(BadRequest):
    """No stored dataset has this id, or several begin with it."""

    def __init__(self, name: str, matches: list["DatasetName"]) -> None:
        self.name, self.matches = name, matches
        listed = list_names([f"{one.id} of {one.customer}" for one in matches])
        super().__init__(
            f"Several datasets begin with {name!r}: {listed}. Give the whole id, and --customer."
            if matches
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
    matches = [
        DatasetName(one, id_)
        for one in customers
        for id_ in place.names(f"feedback/{one}")
        if name and id_.startswith(name)
    ]
    exact = [one for one in matches if one.id == name]
    chosen = exact or matches
    if len(chosen) != 1:
        raise NoSuchDataset(name, chosen)
    return chosen[0]
