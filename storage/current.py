"""Which labels of a customer count: one pointer a customer, `labelled/customer=<c>/_current/`.

It names, for each dataset, the job whose labelled parts a reader should use. A run over many datasets moves it once,
when all of its labels are complete; until then, and for whoever has read it before, the labels it named are all there.
"""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from storage.names import check_name
from storage.place import Place
from storage.pointer import Pointer
from storage.record import Record

_MOVES_KEPT = 64


class Label(Record):
    """The labels of one dataset."""

    job: str
    at: datetime  # when it was asked that these should count


class Current(Record):
    """What a customer's pointer says."""

    datasets: dict[str, Label] = Field(default_factory=dict)
    run: str | None = None  # the last run that moved it
    keep: int = 1  # old labels that `prune` leaves of each dataset, as that run was told

    def moved(self, labels: Mapping[str, Label]) -> "Current":
        """With these labels, but for what counts already, and what somebody asked for later. Pure."""
        newer = {
            dataset: label
            for dataset, label in labels.items()
            for before in [self.datasets.get(dataset)]
            if before is None or (label.job != before.job and label.at >= before.at)
        }
        return self.model_copy(update={"datasets": self.datasets | newer})


def current(place: Place, customer: str) -> Current:
    """What counts now. Raises BadRecord, BadName."""
    return _pointer(place, customer).now() or Current()


def point(
    place: Place, customer: str, labels: Mapping[str, Label], run: str | None = None, keep: int | None = None
) -> None:
    """From now on these labels count; `run` and `keep` of a run. Raises BadRecord, BadName, CannotWrite."""
    pointer = _pointer(place, customer)

    def decide(before: Current | None) -> Current:
        after = (before or Current()).moved(labels)
        return after if run is None else after.model_copy(update={"run": run, "keep": keep})

    pointer.move(decide)
    pointer.forget(_MOVES_KEPT)


def _pointer(place: Place, customer: str) -> Pointer[Current]:
    return Pointer(place, f"labelled/customer={check_name('customer', customer)}/_current", Current)
