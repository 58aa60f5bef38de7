"""`chorus models …`: list, show, train, publish and promote models."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from models.interface.kind import Kind


class CommandWithKinds(click.Command):
    """A command whose help ends with the kinds of model."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 — click's signature
        """Write the list of kinds, which are imported only for this."""
        from models.kinds.table import all_kinds

        with formatter.section("Kinds of model"):
            formatter.write_dl([(name, _describe(kind)) for name, kind in all_kinds().items()])


@click.group()
def models() -> None:
    """Manage the models of the registry."""


add_version_commands(models, "model")

over_length = click.option(
    "--over-length",
    type=click.Choice(["truncate", "windows"]),
    default="truncate",
    show_default=True,
    help="Kinds that read tokens: cut a text with too many, or average over windows of it.",
)
new_labels = click.option(
    "--new-labels",
    is_flag=True,
    help="Allow another target or other labels than those of the model's champion.",
)


@models.command("list")
@as_json
def list_models(as_json: bool) -> None:
    """List every model with its kind, target, aliases and versions."""
    from chorus.common.console_table import print_table
    from models.publishing.registry import ModelRegistry

    registry = ModelRegistry(open_place(from_environment().home))
    rows: list[dict[str, Any]] = []
    for name in registry.names():
        aliases = registry.aliases(name)
        manifest = registry.manifest(name, listed_version(registry.store, name))
        rows.append(
            {
                "model": name,
                "kind": manifest.kind,
                "target": manifest.target.name,
                "champion": aliases.get("champion"),
                "aliases": aliases,
                "versions": registry.versions(name),
                "metrics": manifest.card.metrics,
            }
        )
    if as_json:
        print_json({"models": rows})
        return
    header = ("model", "kind", "target", "aliases", "versions", "held-out")
    cells = [
        (
            row["model"],
            row["kind"],
            row["target"],
            format_aliases(row["aliases"]),
            join_values(row["versions"]),
            _format_metrics(row["metrics"]),
        )
        for row in rows
    ]
    print_table(header, cells)


@models.command("show")
@click.argument("model")
@click.option("--version", default="champion", show_default=True, help="A number or an alias.")
@as_json
def show_model(model: str, version: str, as_json: bool) -> None:
    """Show the manifest of a version."""
    from models.publishing.registry import ModelRegistry

    manifest = ModelRegistry(open_place(from_environment().home)).resolve(
        model, parse_version(version)
    )
    print_record(manifest.model_dump(mode="json"), as_json)


@models.command("train", cls=CommandWithKinds)
@click.argument("model")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Labelled .csv, .tsv or .jsonl file, UTF-8.",
)
@click.option(
    "--kind",
    default="bow",
    show_default=True,
    help="The kind of model; see below.",
)
@click.option(
    "--target", required=True, help="The question that the labels answer, such as sentiment."
)
@click.option(
    "--mode",
    type=click.Choice(["one_of", "any_of"]),
    required=True,
    help="One label for each text, or any number.",
)
@click.option("--text", default="text", show_default=True, help="The column with the texts.")
@click.option(
    "--labels", required=True, help="The column with the labels; for any_of a|b or a JSON list."
)
@click.option(
    "--encoder",
    type=click.Path(path_type=Path),
    help="Kinds that start from an encoder: its folder.",
)
@click.option(
    "--epochs",
    default=3,
    show_default=True,
    help="Kinds that start from an encoder: times through the data.",
)
@over_length
@new_labels
@as_json
def train_model(as_json: bool, data: Path, encoder: Path | None, **arguments: Any) -> None:
    """Train a model, evaluate it on held-out rows, and publish it as the next version."""
    from chorus.registry.training import TrainingRequest, train_and_publish

    settings = from_environment()
    data = settings.check_allowed_path(data)
    encoder = encoder and settings.check_allowed_path(encoder)
    request = TrainingRequest(name=arguments.pop("model"), data=data, encoder=encoder, **arguments)
    _print_published(train_and_publish(open_place(settings.home), request), as_json)


@models.command("publish", cls=CommandWithKinds)
@click.argument("model")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--target", required=True, help="The question that the labels answer, such as sentiment."
)
@click.option(
    "--labels", help="a,b,c in the order of the outputs, when the files do not name them."
)
@click.option(
    "--max-tokens",
    type=click.IntRange(8),
    help="Kinds that read tokens: the most tokens of a text, or of a window.",
)
@over_length
@click.option(
    "--texts",
    type=click.Path(path_type=Path),
    help="Texts to measure the speed with and to check lower precisions: .csv, .tsv or .jsonl.",
)
@click.option(
    "--text", default="text", show_default=True, help="The column of that file with the texts."
)
@new_labels
@as_json
def publish_model(
    model: str, source: Path, texts: Path | None, as_json: bool, **arguments: Any
) -> None:
    """Publish SOURCE as the next version: a file or folder of one of the kinds below, or a folder
    that MLflow saved.
    """
    from chorus.registry.training import publish_existing_model

    settings = from_environment()
    place, source = open_place(settings.home), settings.check_allowed_path(source)
    published = publish_existing_model(
        place, model, source, texts=texts and settings.check_allowed_path(texts), **arguments
    )
    _print_published(published, as_json)


def _describe(kind: "Kind") -> str:
    sentences = [kind.summary]
    if kind.reads_tokens:
        sentences.append("Reads tokens.")
    if kind.uses_gpu:
        sentences.append("Can use a GPU.")
    return " ".join([*sentences, f"Recognised by {kind.recognised_by}."])


def _format_metrics(metrics: Any) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())


def _print_published(manifest: Any, as_json: bool) -> None:
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    print_line(f"{manifest.name} {manifest.version}: {', '.join(manifest.labels)}")
    card = manifest.card
    if card.metrics:
        print_line(f"held out ({card.rows_held_out} rows): {_format_metrics(card.metrics)}")
    for check in manifest.precisions:
        offered = "offered" if check.passed else "not offered"
        same = f"{check.agreement:.2%} of {check.rows} texts keep their labels"
        print_line(
            f"{check.precision}: {offered}, {same}, {check.speed:.1f} times as fast as float32"
        )
    if manifest.measured is not None:
        measured = manifest.measured
        rate = f"{measured.rows_per_second:,.0f} rows a second on one core"
        memory = f"{measured.memory / 1e6:,.0f} MB"
        print_line(f"measured: {rate}, {memory}, ready after {measured.load_seconds:.1f} s")
