"""The commands that models and ensembles share, for both are kept in numbered versions with
aliases.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chorus.cli.options import as_json
from chorus.common.settings import from_environment
from storage.places.open_place import open_place

if TYPE_CHECKING:
    from storage.versions.version_store import VersionStore

version_argument = click.argument("version", type=click.IntRange(1))
alias_option = click.option(
    "--alias", default="champion", show_default=True, help="Any name; jobs use the champion."
)


def add_version_commands(group: click.Group, what: str) -> None:
    """`promote`, `rollback`, `history` and `remove`, for the group of one `what`: model or
    ensemble.
    """
    name_argument = click.argument("name", metavar=what.upper())

    @group.command()
    @name_argument
    @version_argument
    @alias_option
    @click.option(
        "--force",
        is_flag=True,
        hidden=what != "model",
        help="Even if the gate of chorus.toml refuses it.",
    )
    def promote(name: str, version: int, alias: str, force: bool) -> None:
        """Move an alias to VERSION; the champion is what jobs use from now on."""
        if what == "model" and alias == "champion" and not force:
            _pass_gate(name, version)
        _shelf(what).promote(name, version, datetime.now(UTC), alias)
        click.echo(f"{name}: {alias} is now version {version}")

    @group.command()
    @name_argument
    @alias_option
    def rollback(name: str, alias: str) -> None:
        """Move an alias to where it was before its last move; the next time, a step further back."""
        version = _shelf(what).roll_back(name, datetime.now(UTC), alias)
        click.echo(f"{name}: {alias} is back at version {version}")

    @group.command()
    @name_argument
    @as_json
    def history(name: str, as_json: bool) -> None:
        """Every move of every alias, the newest first."""
        from chorus.common.console_table import print_table

        moves = _shelf(what).history(name)
        if as_json:
            found = [{"alias": alias, **move.model_dump(mode="json")} for alias, move in moves]
            click.echo(json.dumps({what: name, "moves": found}))
        else:
            rows = [
                (alias, str(move.version), move.by, f"{move.at:%Y-%m-%d %H:%M:%S}")
                for alias, move in moves
            ]
            print_table(("alias", "version", "by", "at (UTC)"), rows)

    @group.command()
    @name_argument
    @version_argument
    @click.option("--force", is_flag=True, help="Even if an alias, an ensemble or a job names it.")
    def remove(name: str, version: int, force: bool) -> None:
        """Remove VERSION, whose number is not used again. Refused while anything names it."""
        from tasks.jobs.references import remove as remove_unnamed

        remove_unnamed(_shelf(what), name, version, force=force)
        click.echo(f"{name}: version {version} is removed")


def shown_version(shelf: "VersionStore", name: str) -> int:
    """The version that a list tells of: the champion, or the newest if it was removed."""
    versions, champion = shelf.versions(name), shelf.aliases(name).get("champion")
    return champion if champion in versions else versions[-1]


def shown_aliases(aliases: Mapping[str, int]) -> str:
    """For a cell of a table."""
    return joined(f"{alias} {version}" for alias, version in aliases.items())


def joined(values: Any) -> str:
    """For a cell of a table."""
    return ", ".join(map(str, values))


def print_record(record: dict[str, object], as_json: bool) -> None:
    """A stored record, for people or on one line."""
    click.echo(json.dumps(record) if as_json else json.dumps(record, indent=2, ensure_ascii=False))


def _pass_gate(model: str, version: int) -> None:
    from chorus.registry.gate import check

    settings = from_environment()
    for finding in check(settings, open_place(settings.home), model, version):
        click.echo(f"gate: {finding}")


def _shelf(what: str) -> "VersionStore":
    place = open_place(from_environment().home)
    if what == "model":
        from models.publishing.registry import ModelRegistry

        return ModelRegistry(place).store
    from ensemble.spec import EnsembleRegistry

    return EnsembleRegistry(place).store
