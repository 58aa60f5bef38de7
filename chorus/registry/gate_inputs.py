"""What a promotion gate is measured on. A gate that cannot be checked is an error, never passed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chorus.compare.stored_feedback import StoredChunk, customers_using, newest_chunks
from models.interface.manifest import ModelManifest
from models.interface.training_set import BadLabels, LabelledTexts
from models.publishing.training_file import BadLabelledFile, read_labelled_texts
from storage.config.config_file import BadConfigFile
from storage.places.place import Absent, Place
from workers.config.gate_file import GATE, Gate
from workers.config.model_tables import ModelTables


@dataclass(frozen=True)
class GateInputs:
    """The stored feedback on which flips are counted, and the labelled texts for macro-F1."""

    chunks: Sequence[StoredChunk]  # empty if flips are not counted
    labelled: LabelledTexts | None  # None if the gate names no file


def read_gate_inputs(
    place: Place, gates: ModelTables[Gate], candidate: ModelManifest, *, count_flips: bool
) -> GateInputs:
    """Read what the gate of a model is measured on; `count_flips`: there is another champion.

    Raises BadConfigFile with the line of the gate if it cannot be checked, and BadRecord.
    """
    gate, chunks = gates.for_model(candidate.name), list[StoredChunk]()
    labelled = _read_gate_labels(place, gates, candidate)
    if count_flips and gate.most_flips is not None:
        chunks = newest_chunks(place, candidate.name, gate.rows)
        if not chunks:
            raise _no_feedback(gates, candidate.name)
    return GateInputs(chunks, labelled)


def check_gate_inputs(place: Place, gates: ModelTables[Gate], candidate: ModelManifest) -> None:
    """Check that the gate of a model can be measured. Raises BadConfigFile if not."""
    _read_gate_labels(place, gates, candidate)
    counts_flips = gates.for_model(candidate.name).most_flips is not None
    if counts_flips and not customers_using(place, candidate.name):
        raise _no_feedback(gates, candidate.name)


def _read_gate_labels(
    place: Place, gates: ModelTables[Gate], candidate: ModelManifest
) -> LabelledTexts | None:
    """Read the labelled file of a model's gate, if it names one. Raises BadConfigFile."""
    name = gates.for_model(candidate.name).labelled
    if name is None:
        return None
    try:
        return _read_labelled(place, name, candidate)
    except (BadLabelledFile, BadLabels, OSError) as error:
        problem = str(error)
        if isinstance(error, BadLabels):
            problem = f"{name} does not fit the labels of the model. {problem}"
        raise _cannot_be_checked(gates, candidate.name, "labelled", problem) from None


def _read_labelled(place: Place, name: str, candidate: ModelManifest) -> LabelledTexts:
    mode, labels = candidate.target.mode, candidate.labels
    if Path(name).is_absolute():
        return read_labelled_texts(Path(name), "text", "labels", mode, labels)
    try:
        with place.local_file(name) as file:
            return read_labelled_texts(file, "text", "labels", mode, labels)
    except Absent:
        raise BadLabelledFile(Path(name), f"it is not in {place.url}.") from None


def _no_feedback(gates: ModelTables[Gate], model: str) -> BadConfigFile:
    return _cannot_be_checked(
        gates,
        model,
        "most_flips",
        "no feedback is stored of a customer whose ensemble uses the model, so no labels can be "
        "compared. Label an upload first, or remove most_flips.",
    )


def _cannot_be_checked(
    gates: ModelTables[Gate], model: str, key: str, problem: str
) -> BadConfigFile:
    return gates.error_at(model, (GATE, key), f"the gate of {model} cannot be checked: {problem}")
