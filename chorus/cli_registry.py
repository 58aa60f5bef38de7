"""`chorus models …` and `chorus ensembles …`: what is published."""

import json
from pathlib import Path
from typing import Any

import click

from chorus.settings import from_environment
from storage.place import place_at


@click.group()
def models() -> None:
    """The models of the registry."""


@click.group()
def ensembles() -> None:
    """The ensembles of the registry."""


as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of output.")


@models.command("list")
@as_json
def list_models(as_json: bool) -> None:
    """Every model, with its champion."""
    from chorus.show import print_table
    from models.registry import ModelRegistry

    registry = ModelRegistry(place_at(from_environment().home))
    found = []
    for name in registry.names():
        champion = registry.resolve(name)
        found.append(
            {
                "model": name,
                "kind": champion.kind,
                "target": champion.target.name,
                "champion": champion.version,
                "versions": registry.versions(name),
                "metrics": champion.card.metrics,
            }
        )
    if as_json:
        click.echo(json.dumps({"models": found}))
        return
    header = ("model", "kind", "target", "champion", "versions", "held-out")
    rows = [[*list(one.values())[:4], _joined(one["versions"]), _metrics(one["metrics"])] for one in found]
    print_table(header, rows)


@models.command("show")
@click.argument("model")
@click.option("--version", default="champion", show_default=True, help="A number or an alias.")
@as_json
def show_model(model: str, version: str, as_json: bool) -> None:
    """The manifest of one version."""
    from models.registry import ModelRegistry

    manifest = ModelRegistry(place_at(from_environment().home)).resolve(model, _wanted(version))
    _print_record(manifest.model_dump(mode="json"), as_json)


@ensembles.command("list")
@as_json
def list_ensembles(as_json: bool) -> None:
    """Every ensemble, with its champion and the customers that use it."""
    from chorus.show import print_table
    from ensemble.customers import read_customers
    from ensemble.spec import EnsembleRegistry

    place = place_at(from_environment().home)
    registry, customers = EnsembleRegistry(place), read_customers(place)
    found = []
    for name in registry.names():
        champion = registry.resolve(name)
        spec = registry.read(name, champion)
        users = [customer for customer, entry in customers.customers.items() if entry.ensemble == name]
        found.append(
            {
                "ensemble": name,
                "champion": champion,
                "targets": [target.name for target in spec.targets],
                "members": [member.model for member in spec.members],
                "customers": [*users, *(["everyone else"] if name == customers.default else [])],
            }
        )
    if as_json:
        click.echo(json.dumps({"ensembles": found}))
        return
    header = ("ensemble", "champion", "targets", "members", "customers")
    print_table(
        header, [[value if isinstance(value, str | int) else _joined(value) for value in one.values()] for one in found]
    )


@ensembles.command("show")
@click.argument("ensemble")
@click.option("--version", default="champion", show_default=True, help="A number or an alias.")
@as_json
def show_ensemble(ensemble: str, version: str, as_json: bool) -> None:
    """One version: targets, members, weights."""
    from ensemble.spec import EnsembleRegistry

    registry = EnsembleRegistry(place_at(from_environment().home))
    number = registry.resolve(ensemble, _wanted(version))
    spec = registry.read(ensemble, number).model_dump(mode="json")
    _print_record({"name": ensemble, "version": number, **spec}, as_json)


@ensembles.command("publish")
@click.argument("ensemble")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def publish_ensemble(ensemble: str, file: Path, as_json: bool) -> None:
    """Publish FILE (JSON or TOML, as `ensembles show --json` prints it) as the next version."""
    from chorus.ensemble_file import publish

    version = publish(place_at(from_environment().home), ensemble, file)
    click.echo(json.dumps({"ensemble": ensemble, "version": version}) if as_json else f"{ensemble} {version}")


def _wanted(version: str) -> int | str:
    return int(version) if version.isdecimal() else version


def _joined(values: Any) -> str:
    return ", ".join(map(str, values))


def _metrics(metrics: Any) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())


def _print_record(record: dict[str, object], as_json: bool) -> None:
    click.echo(json.dumps(record) if as_json else json.dumps(record, indent=2, ensure_ascii=False))
