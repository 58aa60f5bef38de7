"""What an ensemble is, and the shelf that keeps its versions."""

from collections import Counter
from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from storage.errors import BadRequest
from storage.places.place import Place
from storage.record import Record
from storage.records.decisions import Mode as Mode
from storage.versions.version_store import CHAMPION, VersionStore


class Member(Record):
    """One model's vote in one target. `version` is a number, or an alias that a job resolves when
    it is submitted.
    """

    model: str
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    version: int | str = CHAMPION


class Target(Record):
    """One question and who answers it.

    one_of: exactly one label holds (probabilities sum to 1). any_of: each label holds or not (each
    on its own). `threshold` is the least probability at which an any_of label is given.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    mode: Mode
    members: tuple[Member, ...] = Field(min_length=1)
    threshold: float = Field(default=0.5, gt=0, lt=1)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a labelled row that hold the answer."""
        return (self.name, f"{self.name}_score", f"{self.name}_probabilities")


# The columns of a labelled row beside its answers; see ensemble.rows.
ROW_COLUMNS = (
    "id",
    "customer",
    "text",
    "agreement",
    "needs_review",
    "members_missing",
    "scored_at",
)


class Ensemble(Record):
    """The targets of one kind of customer. Rows whose agreement falls below `review_below` ask for
    a person.
    """

    description: str = ""
    targets: tuple[Target, ...] = Field(min_length=1)
    review_below: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for what, names in (
            ("target", [target.name for target in self.targets]),
            ("member", [member.model for target in self.targets for member in target.members]),
        ):
            twice = [name for name, times in Counter(names).items() if times > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]!r} is named twice")
        columns = [name for target in self.targets for name in target.columns]
        taken = [name for name, times in Counter([*columns, *ROW_COLUMNS]).items() if times > 1]
        if taken:
            raise ValueError(
                f"a target's name gives a second column {taken[0]!r} of the labelled rows"
            )
        return self

    @property
    def members(self) -> tuple[Member, ...]:
        """The members of all targets, in the order of the spec."""
        return tuple(member for target in self.targets for member in target.members)


class Answer(Record):
    """What a target needs to know of a member's model: which labels, and how they were trained."""

    target: str
    mode: Mode
    labels: tuple[str, ...]


class Mismatch(BadRequest):
    """A member's model does not answer the target's question."""

    def __init__(self, target: str, model: str, reason: str) -> None:
        self.target, self.model = target, model
        super().__init__(
            f"Model {model} cannot be a member of target {target}: {reason}. Choose another member."
        )


def check(ensemble: Ensemble, answers: dict[str, Answer]) -> None:
    """Raise Mismatch unless each member's model answers its target. `answers` is by model name.

    The members of a one_of target share one set of labels. Those of an any_of target may know
    different labels: a customer's own model adds the labels that only this customer has.
    """
    for target in ensemble.targets:
        first = answers[target.members[0].model]
        for member in target.members:
            answer = answers[member.model]
            if answer.target != target.name:
                raise Mismatch(target.name, member.model, f"it answers {answer.target}")
            if answer.mode != target.mode:
                raise Mismatch(
                    target.name, member.model, f"it is {answer.mode}, the target is {target.mode}"
                )
            if target.mode == "one_of" and set(answer.labels) != set(first.labels):
                expected, found = ", ".join(sorted(first.labels)), ", ".join(sorted(answer.labels))
                raise Mismatch(
                    target.name, member.model, f"its labels are {found}, the others' are {expected}"
                )


class EnsembleRegistry:
    """The published ensembles: `registry/ensembles/<name>/<version>/ensemble.json`."""

    def __init__(self, place: Place) -> None:
        self.shelf = VersionStore(place, "ensembles", "ensemble.json")

    def names(self) -> list[str]:
        return self.shelf.names()

    def versions(self, name: str) -> list[int]:
        return self.shelf.versions(name)

    def aliases(self, name: str) -> dict[str, int]:
        return self.shelf.aliases(name)

    def resolve(self, name: str, wanted: int | str = CHAMPION) -> int:
        """The version behind a number or an alias. Raises NotPublished."""
        return self.shelf.resolve(name, wanted)

    def read(self, name: str, version: int) -> Ensemble:
        """Raises Absent, BadRecord."""
        return Ensemble.decode(*self.shelf.read_record(name, version))

    def publish(self, name: str, ensemble: Ensemble, published_at: datetime) -> int:
        """Publish as the next version and return its number; the first version becomes champion."""
        version = self.shelf.claim(name)
        self.shelf.fill(name, version, {}, ensemble.encode(), published_at)
        return version
