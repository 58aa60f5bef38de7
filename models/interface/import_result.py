"""What importing a model's files gives, and the error for files that are no model."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import BadRequest

if TYPE_CHECKING:
    # imports pydantic, which scoring on a GPU does without
    from models.interface.manifest import Mode


@dataclass(frozen=True)
class ImportResult:
    """Facts about a model whose files are ready to be published."""

    mode: "Mode"
    labels: tuple[str, ...] | None  # None: the files do not name them
    max_tokens: int | None  # None for kinds that read no tokens
    outputs: int  # number of values for each text


class NotAModel(BadRequest):
    """A file or folder that was given as a model and is none."""

    def __init__(self, source: Path, problem: str) -> None:
        self.source = source
        super().__init__(f"{source} cannot be published as a model: {problem}.")
