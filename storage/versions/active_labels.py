"""The active labels of a customer: one pointer, `labelled/customer=<c>/_current/`.

For each dataset the pointer names the job whose labels a reader should use. A run over many
datasets moves it once, when all labels of the run are complete; until then the earlier labels stay
active.

A move has only the changed datasets, so that the cost of an upload does not grow with their number.
Every 32nd move is followed by one with all datasets (`whole`). A reader reads from the newest move
back to a whole one; of two labels of a dataset, the one that was requested later is active:

    00000033.json   whole: a → job 1, b → job 2
    00000034.json   c → job 3
    00000035.json   a → job 4

    active:         a → job 4, b → job 2, c → job 3
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from pydantic import Field

from storage.names import check_name
from storage.places.place import Place
from storage.record import Record
from storage.versions.pointer import Pointer

_MOVES_PER_WHOLE = 32
_KEPT_MOVES = 64


class ActiveLabel(Record):
    """The active labels of one dataset."""

    job: str
    at: datetime  # when these labels were requested


class LabelMove(Record):
    """One move: labels that became active or, if `whole`, all active labels."""

    datasets: dict[str, ActiveLabel] = Field(default_factory=dict)
    run: str | None = None  # the run that made the move
    keep: int | None = None  # of the run: earlier labels of each dataset that `prune` keeps
    whole: bool = False
    # datasets whose feedback was removed, so that they have no labels any more
    removed: tuple[str, ...] = Field(default=(), exclude_if=lambda removed: not removed)


class ActiveLabels(Record):
    """The active labels of a customer."""

    datasets: dict[str, ActiveLabel] = Field(default_factory=dict)
    run: str | None = None  # the last run that changed them
    keep: int = 1  # earlier labels of each dataset that `prune` keeps

    def with_labels(self, labels: Mapping[str, ActiveLabel]) -> "ActiveLabels":
        """Return a copy with these labels, except where a later request is active. Pure."""
        newer = {
            dataset: label
            for dataset, label in labels.items()
            for before in [self.datasets.get(dataset)]
            if before is None or label.at >= before.at
        }
        return self.model_copy(update={"datasets": self.datasets | newer})

    def without(self, removed: Collection[str]) -> "ActiveLabels":
        """Return a copy without the labels of these datasets. Pure."""
        kept = {name: label for name, label in self.datasets.items() if name not in removed}
        return self.model_copy(update={"datasets": kept})


def merge_moves(moves: Iterable[LabelMove]) -> ActiveLabels:
    """Return the active labels after these moves, given the newest first. Pure.

    The iteration stops at the first whole move.
    """
    needed = []
    for move in moves:
        needed.append(move)
        if move.whole:
            break
    active = ActiveLabels()
    for move in reversed(needed):
        active = active.with_labels(move.datasets).without(move.removed)
        if move.run is not None:
            active = active.model_copy(
                update={"run": move.run, "keep": 1 if move.keep is None else move.keep}
            )
    return active


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
    """Make these labels active, except where later requested ones are.

    `run` and `keep` are those of the run that does it, if any. Raises BadRecord, BadName,
    CannotWrite.
    """
    _add(place, customer, LabelMove(datasets=dict(labels), run=run, keep=keep))


def deactivate_labels(place: Place, customer: str, dataset: str) -> None:
    """Make the labels of a dataset inactive, because its feedback is removed.

    Labels that are requested later become active again. Raises BadRecord, BadName, CannotWrite.
    """
    if dataset in read_active_labels(place, customer).datasets:
        _add(place, customer, LabelMove(removed=(dataset,)))


def _add(place: Place, customer: str, move: LabelMove) -> None:
    pointer = _pointer(place, customer)
    number = pointer.add(move)
    if number % _MOVES_PER_WHOLE == 0:
        pointer.move(lambda _: _whole_move(read_active_labels(place, customer)))
        pointer.truncate(_KEPT_MOVES)


def _whole_move(active: ActiveLabels) -> LabelMove:
    return LabelMove(datasets=active.datasets, run=active.run, keep=active.keep, whole=True)


def _pointer(place: Place, customer: str) -> Pointer[LabelMove]:
    return Pointer(
        place, f"labelled/customer={check_name('customer', customer)}/_current", LabelMove
    )
