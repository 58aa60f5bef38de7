"""The spec of an ensemble, and the registry of its versions."""

import re
from collections import Counter
from datetime import datetime
from typing import Self

from pydantic import Field, field_validator, model_validator

from ensemble.combine import DEFAULT_METHOD, METHODS
from storage.errors import BadRequest
from storage.places.place import Place
from storage.record import Record
from storage.records.decisions import Mode as Mode
from storage.versions.version_store import CHAMPION, VersionStore

TARGET_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


class Member(Record):
    """A model that votes in one target.

    `version` is a number, or an alias that a job resolves when it is submitted.
    """

    model: str
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    version: int | str = CHAMPION


class Target(Record):
    """A question, the members that answer it, and the method that combines their answers.

    one_of: exactly one label holds (probabilities sum to 1). any_of: each label holds or not (each
    on its own). `threshold` is the least probability at which an any_of label is given. `method` is
    one of ensemble.combine.METHODS.
    """

    name: str = Field(pattern=TARGET_NAME.pattern)
    mode: Mode
    members: tuple[Member, ...] = Field(min_length=1)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    # Absent in stored specs that use the default, so that versions without methods read them.
    method: str = Field(default=DEFAULT_METHOD, exclude_if=lambda method: method == DEFAULT_METHOD)

    @field_validator("method")
    @classmethod
    def _check_method(cls, method: str) -> str:
        if method not in METHODS:
            allowed = ", ".join(sorted(METHODS))
            raise ValueError(
                f"there is no method {method!r} to combine members; allowed: {allowed}"
            )
        return method

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of a labelled row that hold the answer."""
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
    """The targets that are answered for a customer.

    A row whose agreement falls below `review_below` is marked `needs_review`.
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
        """Members of all targets, in the order of the spec."""
        return tuple(member for target in self.targets for member in target.members)


class ModelSignature(Record):
    """The target that a model answers, the mode it was trained in, and its labels."""

    target: str
    mode: Mode
    labels: tuple[str, ...]


class Mismatch(BadRequest):
    """A model that cannot be a member: it answers another question than the target's."""

    def __init__(self, target: str, model: str, reason: str) -> None:
        self.target, self.model = target, model
        super().__init__(
            f"Model {model} cannot be a member of target {target}: {reason}. Choose another member."
        )


def check_members(ensemble: Ensemble, signatures: dict[str, ModelSignature]) -> None:
    """Raise Mismatch unless each member's model answers its target.

    `signatures` is by model name.

    The members of a one_of target share one set of labels. Those of an any_of target may know
    different labels: a customer's own model adds the labels that only this customer has.
    """
    for target in ensemble.targets:
        first = signatures[target.members[0].model]
        for member in target.members:
            signature = signatures[member.model]
            if signature.target != target.name:
                raise Mismatch(target.name, member.model, f"it answers {signature.target}")
            if signature.mode != target.mode:
                raise Mismatch(
                    target.name,
                    member.model,
                    f"it is {signature.mode}, the target is {target.mode}",
                )
            if target.mode == "one_of" and set(signature.labels) != set(first.labels):
                expected, actual = (
                    ", ".join(sorted(first.labels)),
                    ", ".join(sorted(signature.labels)),
                )
                raise Mismatch(
                    target.name,
                    member.model,
                    f"its labels are {actual}, the others' are {expected}",
                )


class EnsembleRegistry:
    """Published ensembles: `registry/ensembles/<name>/<version>/ensemble.json`."""

    def __init__(self, place: Place) -> None:
        self.store = VersionStore(place, "ensembles", "ensemble.json")

    def names(self) -> list[str]:
        """Return the names of all ensembles, sorted."""
        return self.store.names()

    def versions(self, name: str) -> list[int]:
        """Return the version numbers of an ensemble, ascending."""
        return self.store.versions(name)

    def aliases(self, name: str) -> dict[str, int]:
        """Return alias → version of an ensemble."""
        return self.store.aliases(name)

    def resolve(self, name: str, version: int | str = CHAMPION) -> int:
        """Return the version behind a number or an alias. Raises NotPublished."""
        return self.store.resolve(name, version)

    def read(self, name: str, version: int) -> Ensemble:
        """Read one version. Raises Absent, BadRecord."""
        return Ensemble.decode(*self.store.read_record(name, version))

    def publish(self, name: str, ensemble: Ensemble, published_at: datetime) -> int:
        """Publish as the next version and return its number; the first version becomes champion."""
        version = self.store.claim(name)
        self.store.write_version(name, version, {}, ensemble.encode(), published_at)
        return version
