"""`chorus deploy kubernetes`: render the registry and chorus.toml as Kubernetes objects."""

from dataclasses import dataclass
from pathlib import Path

from chorus.common.console import print_line
from chorus.common.settings import Settings, bridge_environment
from chorus.operations.kubernetes import ClusterSettings, WorkerPool, build_documents
from chorus.operations.yaml_text import render_yaml
from models.interface.manifest import ModelManifest
from models.kinds.table import find_kind
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.place import Place
from tasks.board.worker_profile import expected_profile
from tasks.broker.broker_url import BrokerAddress
from workers.autoscaling.limits import Limits
from workers.config.all_tables import read_chorus_config
from workers.config.quantities import parse_duration

_MOUNT_PATH = "/data"  # of a root that is a folder, inside the containers
_MEMORY_FACTOR = 1.25  # of the measured memory; Kubernetes kills a pod that exceeds its limit
# Of a worker that can use any number: the scheduler finds room for small pods more easily.
_DEFAULT_THREADS = 2
_HEADER = (
    "# Rendered by `chorus deploy kubernetes` from the registry and chorus.toml. "
    "Change those and render it again.\n"
)


class BadGrace(BadRequest):
    """A grace period that is not a duration above 0."""

    def __init__(self, value: str, allowed: str) -> None:
        self.value = value
        super().__init__(f"--grace is {value!r}; allowed is {allowed}.")


class BadHome(BadRequest):
    """A root that containers cannot find."""

    def __init__(self, home: str) -> None:
        self.home = home
        super().__init__(
            f"--home is {home!r}; expected gs://… or s3://…, or the absolute path at which "
            "containers find the root."
        )


class NothingToDeploy(BadRequest):
    """A root without models."""

    def __init__(self, home: str) -> None:
        super().__init__(
            f"There are no models below {home}. Name the root that has them in CHORUS_HOME."
        )


@dataclass(frozen=True)
class DeployRequest:
    """Arguments of `chorus deploy kubernetes` that describe the cluster."""

    namespace: str
    image: str
    gpu_image: str
    claim: str
    grace: str
    home: str | None
    broker: str | None


def deploy_kubernetes(settings: Settings, request: DeployRequest, out: Path | None) -> None:
    """Print the YAML or write it to a file.

    Raises NothingToDeploy, BadConfigFile, BadNamespace, BadGrace, BadBrokerUrl, BadHome.
    """
    place = open_place(settings.home)
    registry, limits = ModelRegistry(place), read_chorus_config(place).limits
    pools = [
        plan_worker_pool(place, registry.resolve(name), limits.for_model(name))
        for name in registry.names()
    ]
    if not pools:
        raise NothingToDeploy(place.url)
    text = _HEADER + render_yaml(build_documents(pools, _cluster_settings(settings, request)))
    if out is None:
        print_line(text.removesuffix("\n"))
    else:
        out.write_text(text)


def plan_worker_pool(place: Place, champion: ModelManifest, limits: Limits) -> WorkerPool:
    """Return what a worker of the model needs: a GPU only if its `device` is cuda, not if auto."""
    kind = find_kind(champion.kind)
    threads = limits.threads or min(_DEFAULT_THREADS, kind.max_threads or _DEFAULT_THREADS)
    gpu = kind.uses_gpu and limits.device.startswith("cuda")
    return WorkerPool(
        champion.name,
        limits,
        threads,
        limits.memory or int(_MEMORY_FACTOR * expected_profile(place, champion.name).memory),
        gpu,
    )


def _cluster_settings(settings: Settings, request: DeployRequest) -> ClusterSettings:
    """Check the request and return the cluster's settings.

    A mistake is reported here rather than by pods that do not start.
    """
    home = request.home or (settings.home if "://" in settings.home else _MOUNT_PATH)
    if "://" in home:
        open_place(home)
    elif not home.startswith("/"):
        raise BadHome(home)
    if request.broker:
        BrokerAddress(request.broker)
    return ClusterSettings(
        namespace=request.namespace,
        image=request.image,
        gpu_image=request.gpu_image,
        home=home,
        claim=request.claim,
        grace=_parse_grace(request.grace),
        broker=request.broker,
        bridge_environment=bridge_environment(settings),
    )


def _parse_grace(value: str) -> float:
    try:
        grace = parse_duration(float(value) if value.isascii() and value.isdecimal() else value)
    except ValueError as error:
        raise BadGrace(value, str(error)) from None
    if not grace:
        raise BadGrace(value, "a duration above 0")
    return grace
