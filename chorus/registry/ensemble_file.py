"""Ensemble files: read an ensemble that a person wrote, check it and publish it."""

import json
import tomllib
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from ensemble.spec import Ensemble, EnsembleRegistry
from storage.errors import BadRequest
from storage.places.place import Place
from tasks.jobs.submit import resolve_members


class BadEnsembleFile(BadRequest):
    """A file that does not describe an ensemble."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file} does not describe an ensemble: {reason}")


def read_ensemble(file: Path) -> Ensemble:
    """Read the ensemble that a `.toml` or JSON file describes. Raises BadEnsembleFile."""
    try:
        text = file.read_text("utf-8")
        fields = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
        # `ensembles show` prints the name and version as well; what it prints can be published.
        if isinstance(fields, dict):
            fields = {key: value for key, value in fields.items() if key not in ("name", "version")}
        return Ensemble.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadEnsembleFile(
            file, f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
        ) from None
    except (OSError, ValueError) as error:  # not readable, not UTF-8, not TOML or JSON
        raise BadEnsembleFile(file, str(error)) from None


def publish_ensemble_file(place: Place, name: str, file: Path, published_at: datetime) -> int:
    """Publish the ensemble if its members answer their targets. Return its new version.

    Raises BadEnsembleFile, NotPublished, Mismatch, BadName.
    """
    ensemble = read_ensemble(file)
    resolve_members(place, ensemble)
    return EnsembleRegistry(place).publish(name, ensemble, published_at)
