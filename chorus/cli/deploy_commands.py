"""`chorus deploy …`: run the service on a cluster."""

from pathlib import Path
from typing import Any

import click

from chorus.common.settings import from_environment


@click.group()
def deploy() -> None:
    """Run the service on a cluster."""


@deploy.command()
@click.option(
    "--namespace",
    default="chorus",
    show_default=True,
    help="Namespace of all objects; it has to exist.",
)
@click.option("--image", default="chorus:cpu", show_default=True, help="Image of the containers.")
@click.option(
    "--gpu-image",
    default="chorus:gpu",
    show_default=True,
    help="Image of the containers that compute on a GPU.",
)
@click.option(
    "--broker",
    metavar="URL",
    help="Print the Secret chorus-broker with this URL, too (default: it exists already).",
)
@click.option(
    "--home",
    metavar="URL",
    help="CHORUS_HOME of the containers (default: CHORUS_HOME here if it is a URL, else /data).",
)
@click.option(
    "--claim",
    default="chorus",
    show_default=True,
    help="PersistentVolumeClaim for a CHORUS_HOME that is a path.",
)
@click.option(
    "--grace",
    default="10m",
    show_default=True,
    help="Time that a worker gets to end: more than the slowest chunk takes.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
def kubernetes(out: Path | None, **arguments: Any) -> None:
    """Print a Deployment and a KEDA ScaledObject for each model, the control worker and its
    service, as YAML.

    Where CHORUS_SUBSCRIPTION or CHORUS_RESULTS_TOPIC is set, also a Deployment of the bridge.
    """
    from chorus.operations.deploy import DeployRequest, deploy_kubernetes

    settings = from_environment()
    deploy_kubernetes(
        settings, DeployRequest(**arguments), out and settings.check_allowed_path(out)
    )
