"""The active labels of a customer: one pointer, `labelled/customer=<c>/_current/`.

For each dataset it names the job whose labels a reader should use. A run over many datasets moves
it once, when all of its labels are complete. Until then the old labels stay active and readable.

A move holds only what is new, so that an upload costs the same however many there were. Now and
then a move holds everything (`whole`):

    00000032.json   whole: a → job 1, b → job 2        read down from the highest number to a whole one;
    00000033.json   c → job 3                          of two for a dataset, the later request wins:
    00000034.json   a → job 4                          a → job 4, b → job 2, c → job 3
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import Field

from storage.names import check_name
from storage.places.place import Place
from storage.record import Record
from storage.versions.pointer import Pointer

_WHOLE_EVERY = 32  # moves
_MOVES_KEPT = 64


class ActiveLabel(Record):
    """The active labels of one dataset."""

    job: str
    at: datetime  # when it was asked that these should count


class LabelMove(Record):
    """One move: labels that became active, or all active labels where it is `whole`."""

    datasets: dict[str, ActiveLabel] = Field(default_factory=dict)
    run: str | None = None  # the run that made the move
    keep: int | None = None  # old labels that `prune` leaves of each dataset, as the run was told
    whole: bool = False


class ActiveLabels(Record):
    """The active labels of a customer."""

    datasets: dict[str, ActiveLabel] = Field(default_factory=dict)
    run: str | None = None  # the last run that moved it
    keep: int = 1

    def with_labels(self, labels: Mapping[str, ActiveLabel]) -> "ActiveLabels":
        """Return them with these labels, except where a later request is active. Pure."""
        newer = {
            dataset: label
            for dataset, label in labels.items()
            for before in [self.datasets.get(dataset)]
            if before is None or label.at >= before.at
        }
        return self.model_copy(update={"datasets": self.datasets | newer})


def merge_moves(moves: Iterable[LabelMove]) -> ActiveLabels:
    """Return the active labels after these moves, the newest first. Pure.

    Moves before a whole one are not read.
    """
    said = []
    for move in moves:
        said.append(move)
        if move.whole:
            break
    found = ActiveLabels()
    for move in reversed(said):
        found = found.with_labels(move.datasets)
        if move.run is not None:
            found = found.model_copy(
                update={"run": move.run, "keep": 1 if move.keep is None else move.keep}
            )
    return found


def read_active_labels(place: Place, customer: str) -> ActiveLabels:
    """Read the active labels of a customer. Raises BadRecord, BadName."""
    return merge_moves(move for _, move in _pointer(place, customer).history(place.concurrency))


def set_active_labels(
    place: Place,
    customer: str,
    labels: Mapping[str, ActiveLabel],
    run: str | None = None,
    keep: int | None = None,
) -> None:
    """Make these labels active; `run` and `keep` are those of a run.

    Raises BadRecord, BadName, CannotWrite.
    """
    pointer = _pointer(place, customer)
    number = pointer.add(LabelMove(datasets=dict(labels), run=run, keep=keep))
    if number % _WHOLE_EVERY == 0:
        pointer.move(lambda _: _whole(read_active_labels(place, customer)))
        pointer.truncate(_MOVES_KEPT)


def _whole(found: ActiveLabels) -> LabelMove:
    return LabelMove(datasets=found.datasets, run=found.run, keep=found.keep, whole=True)


def _pointer(place: Place, customer: str) -> Pointer[LabelMove]:
    return Pointer(
        place, f"labelled/customer={check_name('customer', customer)}/_current", LabelMove
    )
