"""`chorus deploy kubernetes`: the registry and chorus.toml, as the objects of a cluster."""

from dataclasses import dataclass
from pathlib import Path

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
from workers.config.limits_file import read_limits
from workers.config.quantities import seconds

_MOUNTED = "/data"  # where the containers find a root that is no URL
_HEADROOM = 1.25  # of what was measured: beyond its limit a pod is killed
_THREADS = 2  # of a worker that can use any number: small pods fit into more gaps than large ones
_HEAD = "# Rendered by `chorus deploy kubernetes` from the registry and chorus.toml: change those and render it again.\n"


class BadGrace(BadRequest):
    def __init__(self, value: str, allowed: str) -> None:
        self.value = value
        super().__init__(f"--grace is {value!r}; allowed is {allowed}.")


class BadHome(BadRequest):
    def __init__(self, home: str) -> None:
        self.home = home
        super().__init__(
            f"--home is {home!r}; expected gs://… or s3://…, or the absolute path at which containers find the root."
        )


class NothingToDeploy(BadRequest):
    def __init__(self, home: str) -> None:
        super().__init__(
            f"There are no models below {home}. Name the root that has them in CHORUS_HOME."
        )


@dataclass(frozen=True)
class DeployRequest:
    """What the command line says of the cluster."""

    namespace: str
    image: str
    gpu_image: str
    claim: str
    grace: str
    home: str | None
    broker: str | None


def deploy_kubernetes(settings: Settings, request: DeployRequest, out: Path | None) -> None:
    """Print the YAML or write it to a file.

    Raises NothingToDeploy, BadChorusToml, BadNamespace, BadGrace, BadBrokerUrl, BadHome.
    """
    place = open_place(settings.home)
    registry, limits = ModelRegistry(place), read_limits(place)
    pools = [
        plan_worker_pool(place, registry.resolve(name), limits.of(name))
        for name in registry.names()
    ]
    if not pools:
        raise NothingToDeploy(place.url)
    text = _HEAD + render_yaml(build_documents(pools, _cluster(settings, request)))
    if out is None:
        print(text, end="")
    else:
        out.write_text(text)


def plan_worker_pool(place: Place, champion: ModelManifest, limits: Limits) -> WorkerPool:
    """What a worker of the model takes. A GPU only where `device` names one, which `auto` does not."""
    kind = find_kind(champion.kind)
    threads = limits.threads or min(_THREADS, kind.max_threads or _THREADS)
    gpu = kind.uses_gpu and limits.device.startswith("cuda")
    return WorkerPool(
        champion.name,
        limits,
        threads,
        limits.memory or int(_HEADROOM * expected_profile(place, champion.name).memory),
        gpu,
    )


def _cluster(settings: Settings, wanted: DeployRequest) -> ClusterSettings:
    """Checked as far as can be: a mistake is told here, and not by pods that do not start."""
    home = wanted.home or (settings.home if "://" in settings.home else _MOUNTED)
    if "://" in home:
        open_place(home)
    elif not home.startswith("/"):
        raise BadHome(home)
    if wanted.broker:
        BrokerAddress(wanted.broker)
    return ClusterSettings(
        namespace=wanted.namespace,
        image=wanted.image,
        gpu_image=wanted.gpu_image,
        home=home,
        claim=wanted.claim,
        grace=_grace(wanted.grace),
        broker=wanted.broker,
        bridge_environment=bridge_environment(settings),
    )


def _grace(value: str) -> float:
    try:
        found = seconds(float(value) if value.isascii() and value.isdecimal() else value)
    except ValueError as error:
        raise BadGrace(value, str(error)) from None
    if not found:
        raise BadGrace(value, "a duration above 0")
    return found
