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


over_length = click.option(
    "--over-length",
    type=click.Choice(["truncate", "windows"]),
    default="truncate",
    show_default=True,
    help="transformer: cut a text with too many tokens, or average over windows of it.",
)
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


@models.command("train")
@click.argument("model")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Labelled .csv, .tsv or .jsonl file, UTF-8."
)
@click.option("--kind", default="bow", show_default=True, help="bow, or transformer (needs the extra `train`).")
@click.option("--target", required=True, help="The question that the labels answer, such as sentiment.")
@click.option("--mode", type=click.Choice(["one_of", "any_of"]), required=True, help="How many labels can hold.")
@click.option("--text", default="text", show_default=True, help="The column with the texts.")
@click.option("--labels", required=True, help="The column with the labels; for any_of a|b or a JSON list.")
@click.option("--encoder", type=click.Path(path_type=Path), help="transformer: the folder to start from.")
@click.option("--epochs", default=3, show_default=True, help="transformer: times through the data.")
@over_length
@as_json
def train_model(as_json: bool, **arguments: Any) -> None:
    """Train a model, measure it on rows held out, and publish it as the next version."""
    from chorus.training import Lesson, train_and_publish

    lesson = Lesson(name=arguments.pop("model"), **arguments)
    _print_published(train_and_publish(place_at(from_environment().home), lesson), as_json)


@models.command("publish")
@click.argument("model")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="The question that the labels answer, such as sentiment.")
@click.option("--labels", help="a,b,c in the order of the outputs, when the files do not name them.")
@click.option("--max-tokens", type=click.IntRange(8), help="transformer: the most tokens it reads at once.")
@over_length
@click.option(
    "--texts",
    type=click.Path(path_type=Path),
    help="transformer: .csv, .tsv or .jsonl to make int8 and check it.",
)
@click.option("--text", default="text", show_default=True, help="The column of that file with the texts.")
@as_json
def publish_model(model: str, source: Path, as_json: bool, **arguments: Any) -> None:
    """Publish SOURCE (config.json, model.safetensors and tokenizer.json, or a .skops file) as the next version."""
    from chorus.training import publish

    _print_published(publish(place_at(from_environment().home), model, source, **arguments), as_json)


@models.command("promote")
@click.argument("model")
@click.argument("version", type=click.IntRange(1))
def promote_model(model: str, version: int) -> None:
    """Make VERSION the champion, which jobs use from now on."""
    from models.registry import ModelRegistry

    ModelRegistry(place_at(from_environment().home)).promote(model, version)
    click.echo(f"{model}: champion is now version {version}")


@ensembles.command("promote")
@click.argument("ensemble")
@click.argument("version", type=click.IntRange(1))
def promote_ensemble(ensemble: str, version: int) -> None:
    """Make VERSION the champion, which jobs use from now on."""
    from ensemble.spec import EnsembleRegistry

    EnsembleRegistry(place_at(from_environment().home)).promote(ensemble, version)
    click.echo(f"{ensemble}: champion is now version {version}")


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


def _print_published(manifest: Any, as_json: bool) -> None:
    if as_json:
        click.echo(manifest.model_dump_json())
    else:
        click.echo(f"{manifest.name} {manifest.version}: {', '.join(manifest.labels)}")
        if manifest.card.metrics:
            click.echo(f"held out ({manifest.card.rows_held_out} rows): {_metrics(manifest.card.metrics)}")
        for check in manifest.precisions:
            offered = "offered" if check.passed else "not offered"
            same = f"{check.agreement:.2%} of {check.rows} texts keep their labels"
            click.echo(f"{check.precision}: {offered}, {same}, {check.speed:.1f} times as fast as float32")


def _print_record(record: dict[str, object], as_json: bool) -> None:
    click.echo(json.dumps(record) if as_json else json.dumps(record, indent=2, ensure_ascii=False))
