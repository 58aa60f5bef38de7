"""What is known of a model once its files are ready to be published."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import BadRequest

if TYPE_CHECKING:
    # brings pydantic, which the network of a GPU does without
    from models.interface.manifest import Mode


@dataclass(frozen=True)
class ImportResult:
    mode: "Mode"
    labels: tuple[str, ...] | None  # None: the files do not name them
    max_tokens: int | None
    outputs: int  # values that it answers a text with


class NotAModel(BadRequest):
    """Files that were given as a model and are none."""

    def __init__(self, source: Path, problem: str) -> None:
        self.source = source
        super().__init__(f"{source} cannot be published as a model: {problem}.")
