"""The commands that models and ensembles share: both have numbered versions with aliases."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chorus.cli.options import as_json
from chorus.common.console import print_indented_json, print_json, print_line
from chorus.common.settings import from_environment
from storage.places.open_place import open_place

if TYPE_CHECKING:
    from storage.versions.version_store import VersionStore

version_argument = click.argument("version", type=click.IntRange(1))
alias_option = click.option(
    "--alias", default="champion", show_default=True, help="The alias; jobs use the champion."
)


def add_version_commands(group: click.Group, what: str) -> None:
    """Add `promote`, `rollback`, `history` and `remove` to a group; `what`: model or ensemble."""
    name_argument = click.argument("name", metavar=what.upper())

    @group.command()
    @name_argument
    @version_argument
    @alias_option
    @click.option(
        "--force",
        is_flag=True,
        hidden=what != "model",
        help="Promote even if the gate of chorus.toml refuses it.",
    )
    def promote(name: str, version: int, alias: str, force: bool) -> None:
        """Move an alias to VERSION; jobs use the champion from now on."""
        if what == "model" and alias == "champion" and not force:
            _check_gate(name, version)
        _version_store(what).promote(name, version, datetime.now(UTC), alias)
        print_line(f"{name}: {alias} is now version {version}")

    @group.command()
    @name_argument
    @alias_option
    def rollback(name: str, alias: str) -> None:
        """Move an alias back to where it was before its last move; again goes one further back."""
        version = _version_store(what).roll_back(name, datetime.now(UTC), alias)
        print_line(f"{name}: {alias} is back at version {version}")

    @group.command()
    @name_argument
    @as_json
    def history(name: str, as_json: bool) -> None:
        """List every move of every alias, newest first."""
        from chorus.common.console_table import print_table

        moves = _version_store(what).history(name)
        if as_json:
            records = [{"alias": alias, **move.model_dump(mode="json")} for alias, move in moves]
            print_json({what: name, "moves": records})
        else:
            rows = [
                (alias, str(move.version), move.by, f"{move.at:%Y-%m-%d %H:%M:%S}")
                for alias, move in moves
            ]
            print_table(("alias", "version", "by", "at (UTC)"), rows)

    @group.command()
    @name_argument
    @version_argument
    @click.option(
        "--force", is_flag=True, help="Remove even if an alias, an ensemble or a job refers to it."
    )
    def remove(name: str, version: int, force: bool) -> None:
        """Remove VERSION, unless something refers to it; its number is not used again."""
        from tasks.jobs.references import remove_version as remove_unreferenced

        remove_unreferenced(_version_store(what), name, version, force=force)
        print_line(f"{name}: version {version} is removed")


def listed_version(store: "VersionStore", name: str) -> int:
    """Return the version that a list shows: the champion, or the newest if that was removed."""
    versions, champion = store.versions(name), store.aliases(name).get("champion")
    return champion if champion in versions else versions[-1]


def format_aliases(aliases: Mapping[str, int]) -> str:
    """Return `champion 2, challenger 3`, for a cell of a table."""
    return join_values(f"{alias} {version}" for alias, version in aliases.items())


def join_values(values: Any) -> str:
    """Return the values with commas between, for a cell of a table."""
    return ", ".join(map(str, values))


def print_record(record: dict[str, object], as_json: bool) -> None:
    """Print a stored record: on one line as JSON, or indented for people."""
    (print_json if as_json else print_indented_json)(record)


def _check_gate(model: str, version: int) -> None:
    from chorus.registry.gate import check_gate

    settings = from_environment()
    for finding in check_gate(settings, open_place(settings.home), model, version):
        print_line(f"gate: {finding}")


def _version_store(what: str) -> "VersionStore":
    place = open_place(from_environment().home)
    if what == "model":
        from models.publishing.registry import ModelRegistry

        return ModelRegistry(place).store
    from ensemble.spec import EnsembleRegistry

    return EnsembleRegistry(place).store
