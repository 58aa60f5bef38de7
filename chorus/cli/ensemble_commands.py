"""`chorus ensembles …`: list, show, publish and promote ensembles."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from chorus.cli.options import as_json
from chorus.cli.version_commands import (
    add_version_commands,
    format_aliases,
    join_values,
    listed_version,
    print_record,
)
from chorus.common.console import print_json, print_line
from chorus.common.settings import from_environment
from storage.places.open_place import open_place
from storage.versions.version_store import parse_version


@click.group()
def ensembles() -> None:
    """Manage the ensembles of the registry."""


add_version_commands(ensembles, "ensemble")


@ensembles.command("list")
@as_json
def list_ensembles(as_json: bool) -> None:
    """List every ensemble with its aliases, targets, members, and the customers that use it."""
    from chorus.common.console_table import print_table
    from ensemble.customers import read_customers
    from ensemble.spec import EnsembleRegistry

    place = open_place(from_environment().home)
    registry, customers = EnsembleRegistry(place), read_customers(place)
    rows: list[dict[str, Any]] = []
    for name in registry.names():
        aliases = registry.aliases(name)
        spec = registry.read(name, listed_version(registry.store, name))
        users = [customer for customer, used in customers.ensembles.items() if used == name]
        rows.append(
            {
                "ensemble": name,
                "champion": aliases.get("champion"),
                "aliases": aliases,
                "targets": [target.name for target in spec.targets],
                "members": [member.model for member in spec.members],
                "customers": [*users, *(["everyone else"] if name == customers.default else [])],
            }
        )
    if as_json:
        print_json({"ensembles": rows})
        return
    header = ("ensemble", "aliases", "targets", "members", "customers")
    cells = [
        (
            row["ensemble"],
            format_aliases(row["aliases"]),
            *(join_values(row[n]) for n in header[2:]),
        )
        for row in rows
    ]
    print_table(header, cells)


@ensembles.command("show")
@click.argument("ensemble")
@click.option("--version", default="champion", show_default=True, help="A number or an alias.")
@as_json
def show_ensemble(ensemble: str, version: str, as_json: bool) -> None:
    """Show the targets, members and weights of a version."""
    from ensemble.spec import EnsembleRegistry

    registry = EnsembleRegistry(open_place(from_environment().home))
    number = registry.resolve(ensemble, parse_version(version))
    spec = registry.read(ensemble, number).model_dump(mode="json")
    print_record({"name": ensemble, "version": number, **spec}, as_json)


@ensembles.command("publish")
@click.argument("ensemble")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def publish_ensemble(ensemble: str, file: Path, as_json: bool) -> None:
    """Publish FILE (JSON or TOML, as `ensembles show --json` prints it) as the next version."""
    from chorus.registry.ensemble_file import publish_ensemble_file

    settings = from_environment()
    version = publish_ensemble_file(
        open_place(settings.home), ensemble, settings.check_allowed_path(file), datetime.now(UTC)
    )
    if as_json:
        print_json({"ensemble": ensemble, "version": version})
    else:
        print_line(f"{ensemble} {version}")
