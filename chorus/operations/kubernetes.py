"""What Kubernetes is asked for: for each model a Deployment and a KEDA ScaledObject; control
worker, service, bridge.

Pure: pools in, documents out. The fields are those of the Kubernetes API (apps/v1, v1) and of
keda.sh/v1alpha1.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from storage.errors import BadRequest
from storage.names import digest
from workers.autoscaling.limits import Limits
from workers.runtime.liveness_file import FILE

Document = dict[str, Any]  # Any: whatever JSON the Kubernetes API takes

CONTROL = "chorus-control"
BRIDGE = "chorus-bridge"
BROKER_SECRET = "chorus-broker"  # noqa: S105 — the name of a Secret, not what is in it
PORT = 9464  # of the metrics: the port that Prometheus exporters of OpenTelemetry use

_RUN = "/tmp/chorus"  # noqa: S108 — inside the container, where it is new at every start, and so is the sign of life
_VOLUME = "home"
_USER = 1000  # that the image makes; Kubernetes cannot tell from a name that it is not root
_MOST = 100  # workers of a model without a max: what KEDA takes, too
_LONGEST_WINDOW = 3600  # seconds, the most that an autoscaler may wait before it scales down


@dataclass(frozen=True)
class WorkerPool:
    """One model, and what one worker of it takes."""

    model: str
    limits: Limits
    threads: int
    memory: int  # bytes
    gpu: bool  # whether it computes on a GPU


@dataclass(frozen=True)
class ClusterSettings:
    """What all objects share."""

    namespace: str
    image: str
    gpu_image: str  # with torch; for the pools on GPUs
    home: str  # CHORUS_HOME in the containers: a URL, or the path at which the claim is mounted
    claim: str  # the PersistentVolumeClaim with that folder; not used with a URL
    grace: float  # seconds, longer than the slowest chunk takes
    broker: str | None = None  # the URL to put into the Secret; None: the Secret is there
    # the variables of the bridge; none: there is no bridge
    bridge_environment: Mapping[str, str] = field(default_factory=dict)


class BadNamespace(BadRequest):
    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        super().__init__(
            f"{namespace!r} is no namespace of Kubernetes. It has 1 to 63 lower-case letters, digits and '-', "
            "and begins and ends with a letter or digit."
        )


def build_documents(pools: Sequence[WorkerPool], cluster: ClusterSettings) -> list[Document]:
    """All objects, in an order in which they can be applied. Raises BadNamespace."""
    if len(cluster.namespace) > _LABEL or not _PLAIN.fullmatch(cluster.namespace):
        raise BadNamespace(cluster.namespace)
    secret = [_secret(cluster, cluster.broker)] if cluster.broker else []
    scaled = [
        document
        for pool in pools
        for document in (_deployment(pool, cluster), _scaled_object(pool, cluster))
    ]
    bridge = [_bridge(cluster)] if cluster.bridge_environment else []
    return [*secret, _control(cluster), _service(cluster), *bridge, *scaled]


_LABEL = 63  # characters, of a DNS label
# characters of a model's name: with the prefix and what Kubernetes appends it still is a DNS label
_LONGEST = 39
_PLAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_MARKED = re.compile(r".*-[0-9a-f]{8}")


def object_name(model: str) -> str:
    """The name of a model's objects: a DNS label, and another one for every model.

    A name that is a label stays readable: "topics-acme" -> "chorus-score-topics-acme". Any other is
    cut to what may stand in a label and ends in the hash of the whole, and so does a name that only
    looks as if it did.
    """
    if len(model) <= _LONGEST and _PLAIN.fullmatch(model) and not _MARKED.fullmatch(model):
        return f"chorus-score-{model}"
    readable = re.sub(r"[^a-z0-9]+", "-", model)[: _LONGEST - 9].rstrip("-")
    return f"chorus-score-{readable}-{digest(model.encode())[:8]}"


def _metadata(name: str, component: str, cluster: ClusterSettings, **annotations: str) -> Document:
    found: Document = {
        "name": name,
        "namespace": cluster.namespace,
        "labels": _labels(name, component),
    }
    return found | ({"annotations": annotations} if annotations else {})


def _labels(name: str, component: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "chorus",
    }


def _secret(cluster: ClusterSettings, url: str) -> Document:
    metadata = _metadata(BROKER_SECRET, "broker", cluster)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"url": url}}


def _control(cluster: ClusterSettings) -> Document:
    container = _container(
        cluster.image, ["worker", "--control", "--metrics", f"0.0.0.0:{PORT}"], cluster
    ) | {
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "readinessProbe": {
            "httpGet": {"path": "/healthz", "port": "metrics"},
            "periodSeconds": 5,
            "timeoutSeconds": 5,
        },
        "resources": {"requests": {"cpu": "1", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
    }
    metadata = _metadata(CONTROL, "control", cluster)
    return _workload(metadata, container, cluster, spec={"replicas": 1})


def _bridge(cluster: ClusterSettings) -> Document:
    """One, for what many messages a second take; more share the subscription."""
    container = _container(cluster.image, ["bridge"], cluster)
    container["name"] = "bridge"
    container["env"] += [
        {"name": name, "value": value} for name, value in cluster.bridge_environment.items()
    ]
    container["resources"] = {
        "requests": {"cpu": "1", "memory": "512Mi"},
        "limits": {"memory": "1Gi"},
    }
    return _workload(_metadata(BRIDGE, "bridge", cluster), container, cluster, spec={"replicas": 1})


def _service(cluster: ClusterSettings) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(CONTROL, "control", cluster),
        "spec": {
            "selector": {"app.kubernetes.io/name": CONTROL},
            "ports": [{"name": "metrics", "port": PORT, "targetPort": "metrics"}],
        },
    }


def _deployment(pool: WorkerPool, cluster: ClusterSettings) -> Document:
    """Without `replicas`, which is KEDA's to say: applied again, it would send the workers of a
    busy pool away.
    """
    memory = f"{ceil(pool.memory / 2**20)}Mi"
    resources: Document = {
        "requests": {"cpu": str(pool.threads), "memory": memory},
        "limits": {"memory": memory},
    }
    if pool.gpu:
        resources["limits"]["nvidia.com/gpu"] = "1"
    arguments = ["worker", "--model", pool.model, "--threads", str(pool.threads)]
    arguments += ["--device", "cuda" if pool.gpu else "cpu"]
    container = _container(cluster.gpu_image if pool.gpu else cluster.image, arguments, cluster)
    metadata = _metadata(object_name(pool.model), "score", cluster, **{"chorus/model": pool.model})
    pod = (
        {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]}
        if pool.gpu
        else {}
    )
    return _workload(metadata, container | {"resources": resources}, cluster, pod=pod)


def _scaled_object(pool: WorkerPool, cluster: ClusterSettings) -> Document:
    """The metric is the number of workers wanted, and one worker is worth 1 of it."""
    name, limits = object_name(pool.model), pool.limits
    down = {"stabilizationWindowSeconds": min(ceil(limits.keep_warm), _LONGEST_WINDOW)}
    trigger = {
        "type": "metrics-api",
        "metricType": "AverageValue",
        "metadata": {
            "url": f"http://{CONTROL}.{cluster.namespace}.svc:{PORT}/demand/{pool.model}",
            "valueLocation": "workers",
            "targetValue": "1",
            "activationTargetValue": "0",
        },
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _metadata(name, "score", cluster, **{"chorus/model": pool.model}),
        "spec": {
            "scaleTargetRef": {"name": name},
            "pollingInterval": 5,
            "cooldownPeriod": ceil(limits.keep_warm),
            "minReplicaCount": limits.min,
            "maxReplicaCount": limits.max or max(_MOST, limits.min),
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": down}}},
            "triggers": [trigger],
        },
    }


def _workload(
    metadata: Document,
    container: Document,
    cluster: ClusterSettings,
    spec: Document | None = None,
    pod: Document | None = None,
) -> Document:
    """A Deployment of one container, which gets the time to finish its chunk."""
    inside: Document = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
        },
        "terminationGracePeriodSeconds": ceil(cluster.grace),
        "containers": [container],
        **(pod or {}),
    }
    if _mounted(cluster):
        inside["volumes"] = [
            {"name": _VOLUME, "persistentVolumeClaim": {"claimName": cluster.claim}}
        ]
    template = {"metadata": {"labels": metadata["labels"]}, "spec": inside}
    selector = {"matchLabels": {"app.kubernetes.io/name": metadata["name"]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {**(spec or {}), "selector": selector, "template": template},
    }


def _container(image: str, arguments: Sequence[str], cluster: ClusterSettings) -> Document:
    """A process, and the probes: it has started when there is a first sign of progress, and is
    stuck without a new one.

    `find` asks, not a command of ours: it needs no core where all of them score.
    """
    recent = f'test -n "$(find {_RUN}/{FILE} -mmin -{ceil(cluster.grace / 60)})"'
    reference = {"secretKeyRef": {"name": BROKER_SECRET, "key": "url"}}
    found: Document = {
        "name": "worker",
        "image": image,
        "command": ["chorus", *arguments],
        "env": [
            {"name": "CHORUS_HOME", "value": cluster.home},
            {"name": "CHORUS_RUN", "value": _RUN},
            {"name": "CHORUS_BROKER_URL", "valueFrom": reference},
        ],
        "startupProbe": {
            "exec": {"command": ["test", "-e", f"{_RUN}/{FILE}"]},
            "periodSeconds": 2,
            "failureThreshold": 300,
        },
        "livenessProbe": {
            "exec": {"command": ["sh", "-c", recent]},
            "periodSeconds": 30,
            "timeoutSeconds": 10,
        },
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if _mounted(cluster):
        found["volumeMounts"] = [{"name": _VOLUME, "mountPath": cluster.home}]
    return found


def _mounted(cluster: ClusterSettings) -> bool:
    return "://" not in cluster.home
