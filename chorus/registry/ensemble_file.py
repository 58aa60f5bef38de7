"""Ensemble files: read an ensemble that a person wrote, check it and publish it."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from chorus.registry.ensemble_keys import ENSEMBLE_KEYS, MEMBER_KEYS, TARGET_KEYS
from ensemble.spec import (
    ROW_COLUMNS,
    Ensemble,
    EnsembleRegistry,
    Member,
    Mismatch,
    Target,
)
from models.publishing.registry import ModelRegistry
from storage.config.config_file import ConfigFile, ValueCheck
from storage.config.parse import parse_json, parse_toml
from storage.config.toml_lines import KeyPath
from storage.errors import BadRequest
from storage.places.place import Place
from storage.versions.version_store import NotPublished
from tasks.jobs.submit import resolve_members

# What `ensembles show --json` prints besides the ensemble; what it prints can be published.
_SHOWN_KEYS = ("name", "version")


class CannotReadEnsembleFile(BadRequest):
    """A file that is not there, or that may not be read."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file} cannot be read: {reason}. Name a .toml or .json file.")


def publish_ensemble_file(place: Place, name: str, file: Path, published_at: datetime) -> int:
    """Publish the ensemble if its members answer their targets. Return its new version.

    Raises CannotReadEnsembleFile, BadConfigFile, BadName.
    """
    config = parse_ensemble_file(file)
    ensemble = read_ensemble(config)
    _check_published(place, config, ensemble)
    return EnsembleRegistry(place).publish(name, ensemble, published_at)


def parse_ensemble_file(file: Path) -> ConfigFile:
    """Read a file as TOML if its name ends in .toml, else as JSON.

    Raises CannotReadEnsembleFile, BadConfigFile.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CannotReadEnsembleFile(file, error.strerror or str(error)) from None
    return (parse_toml if file.suffix.lower() == ".toml" else parse_json)(data, str(file))


def read_ensemble(config: ConfigFile) -> Ensemble:
    """Return the ensemble that the file describes. Raises BadConfigFile."""
    tables = {key: value for key, value in config.tables.items() if key not in _SHOWN_KEYS}
    values = _read_table(config, (), tables, ENSEMBLE_KEYS, ("targets",))
    targets: list[Target] = []
    used: dict[str, str] = dict.fromkeys(ROW_COLUMNS, "every labelled row has")
    for path, table in config.array_of_tables(("targets",), values["targets"]):
        target = _read_target(config, path, table, {m.model for t in targets for m in t.members})
        if target.name in [other.name for other in targets]:
            problem = f"there is another target with the name {target.name!r}. Name each once."
            raise config.error_at((*path, "name"), problem)
        for column in target.columns:
            if column in used:
                raise config.error_at(
                    (*path, "name"),
                    f"the target {target.name!r} would write the column {column!r}, which "
                    f"{used[column]}. Choose another name.",
                )
        used |= dict.fromkeys(target.columns, f"the target {target.name!r} writes")
        targets.append(target)
    return Ensemble.model_validate({**values, "targets": targets})


def _read_target(
    config: ConfigFile, path: KeyPath, table: Mapping[str, object], taken: set[str]
) -> Target:
    """Return a target; `taken`: the models that earlier targets use."""
    values = _read_table(config, path, table, TARGET_KEYS, ("name", "mode", "members"))
    members: list[Member] = []
    for member_path, member in config.array_of_tables((*path, "members"), values["members"]):
        keys = _read_table(config, member_path, member, MEMBER_KEYS, ("model",))
        if keys["model"] in taken | {other.model for other in members}:
            raise config.error_at(
                (*member_path, "model"),
                f"the model {keys['model']} is a member already. Name each model once; `weight` "
                "says how much it counts.",
            )
        members.append(Member.model_validate(keys))
    return Target.model_validate({**values, "members": members})


def _read_table(
    config: ConfigFile,
    path: KeyPath,
    table: Mapping[str, object],
    checks: Mapping[str, ValueCheck],
    required: tuple[str, ...],
) -> dict[str, object]:
    values = {key: config.check_value(path, key, value, checks) for key, value in table.items()}
    config.check_required(path, values, required)
    return values


def _check_published(place: Place, config: ConfigFile, ensemble: Ensemble) -> None:
    """Check that every member is published and answers its target. Raises BadConfigFile."""
    registry, paths = ModelRegistry(place), {}
    for target_number, target in enumerate(ensemble.targets):
        for number, member in enumerate(target.members):
            path = ("targets", target_number, "members", number)
            paths[member.model] = path
            try:
                registry.resolve(member.model, member.version)
            except NotPublished as error:
                has_version = config.contains((*path, "version"))
                key = "version" if has_version and registry.versions(member.model) else "model"
                raise config.error_at((*path, key), str(error)) from None
    try:
        resolve_members(place, ensemble)
    except Mismatch as error:
        raise config.error_at((*paths[error.model], "model"), str(error)) from None
