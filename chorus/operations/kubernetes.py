"""Kubernetes objects of a Chorus service.

Each model has a Deployment and a KEDA ScaledObject. Beside them stand the control worker with its
Service, and the bridge.

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
from workers.runtime.liveness_file import FILE_NAME

Document = dict[str, Any]  # Any: any JSON that the Kubernetes API accepts

CONTROL = "chorus-control"
BRIDGE = "chorus-bridge"
BROKER_SECRET = "chorus-broker"  # noqa: S105 — the name of a Secret, not its content
METRICS_PORT = 9464  # the port of OpenTelemetry's Prometheus exporters

_RUN_FOLDER = "/tmp/chorus"  # noqa: S108 — in the container, which starts with an empty /tmp
_VOLUME = "home"
_USER = 1000  # of the image; by number, because runAsNonRoot cannot check a name
_DEFAULT_MAX_WORKERS = 100  # of a model without a max; the default of KEDA too
_MAX_WINDOW = 3600  # seconds, the longest that an autoscaler may wait before it scales down


@dataclass(frozen=True)
class WorkerPool:
    """Model, and what one of its workers needs."""

    model: str
    limits: Limits
    threads: int
    memory: int  # bytes
    gpu: bool  # whether a worker needs a GPU


@dataclass(frozen=True)
class ClusterSettings:
    """Settings that all objects share."""

    namespace: str
    image: str
    gpu_image: str  # with torch; for the pools on GPUs
    home: str  # CHORUS_HOME in the containers: a URL, or the path at which the claim is mounted
    claim: str  # the PersistentVolumeClaim with that folder; not used with a URL
    grace: float  # seconds, longer than the slowest chunk takes
    broker: str | None = None  # the URL to put into the Secret; None: the Secret exists already
    # Environment variables of the bridge; if empty, there is no bridge.
    bridge_environment: Mapping[str, str] = field(default_factory=dict)


class BadNamespace(BadRequest):
    """A name that Kubernetes does not accept for a namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        super().__init__(
            f"{namespace!r} is no namespace of Kubernetes. A namespace has 1 to 63 lower-case "
            "letters, digits and '-', and begins and ends with a letter or digit."
        )


def build_documents(pools: Sequence[WorkerPool], cluster: ClusterSettings) -> list[Document]:
    """Return all objects, in an order in which they can be applied. Raises BadNamespace."""
    if len(cluster.namespace) > _MAX_LABEL or not _DNS_LABEL.fullmatch(cluster.namespace):
        raise BadNamespace(cluster.namespace)
    secret = [_secret(cluster, cluster.broker)] if cluster.broker else []
    scaled = [
        document
        for pool in pools
        for document in (_deployment(pool, cluster), _scaled_object(pool, cluster))
    ]
    bridge = [_bridge(cluster)] if cluster.bridge_environment else []
    return [*secret, _control_worker(cluster), _service(cluster), *bridge, *scaled]


_MAX_LABEL = 63  # characters of a DNS label
# Characters of a model's name. With the prefix and what Kubernetes appends it is a DNS label.
_MAX_MODEL_NAME = 39
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_ENDS_IN_HASH = re.compile(r".*-[0-9a-f]{8}")


def object_name(model: str) -> str:
    """Return the name of a model's objects: a DNS label that is unique to the model.

    A short name that is a label is kept: "topics-acme" -> "chorus-score-topics-acme". Any other
    name is reduced to the characters of a label and ends in the hash of the whole name. So does a
    name that itself ends in something like such a hash, which keeps the names unique.
    """
    if (
        len(model) <= _MAX_MODEL_NAME
        and _DNS_LABEL.fullmatch(model)
        and not _ENDS_IN_HASH.fullmatch(model)
    ):
        return f"chorus-score-{model}"
    readable = re.sub(r"[^a-z0-9]+", "-", model)[: _MAX_MODEL_NAME - 9].rstrip("-")
    return f"chorus-score-{readable}-{digest(model.encode())[:8]}"


def _metadata(name: str, component: str, cluster: ClusterSettings, **annotations: str) -> Document:
    metadata: Document = {
        "name": name,
        "namespace": cluster.namespace,
        "labels": _labels(name, component),
    }
    return metadata | ({"annotations": annotations} if annotations else {})


def _labels(name: str, component: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "chorus",
    }


def _secret(cluster: ClusterSettings, url: str) -> Document:
    metadata = _metadata(BROKER_SECRET, "broker", cluster)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"url": url}}


def _control_worker(cluster: ClusterSettings) -> Document:
    container = _container(
        cluster.image, ["worker", "--control", "--metrics", f"0.0.0.0:{METRICS_PORT}"], cluster
    ) | {
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
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
    """Return the bridge with one replica, which is usually enough; several share a subscription."""
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
            "ports": [{"name": "metrics", "port": METRICS_PORT, "targetPort": "metrics"}],
        },
    }


def _deployment(pool: WorkerPool, cluster: ClusterSettings) -> Document:
    """Return the Deployment of a pool without `replicas`, which KEDA sets.

    If it had them, applying the file again would stop the workers of a busy pool.
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
    """Return the ScaledObject of a pool. Its metric is the number of workers that are needed."""
    name, limits = object_name(pool.model), pool.limits
    scale_down = {"stabilizationWindowSeconds": min(ceil(limits.keep_warm), _MAX_WINDOW)}
    trigger = {
        "type": "metrics-api",
        "metricType": "AverageValue",
        "metadata": {
            "url": f"http://{CONTROL}.{cluster.namespace}.svc:{METRICS_PORT}/demand/{pool.model}",
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
            "maxReplicaCount": limits.max or max(_DEFAULT_MAX_WORKERS, limits.min),
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": scale_down}}},
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
    """Return a Deployment of one container that has `grace` seconds to finish its chunk."""
    pod_spec: Document = {
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
    if _root_is_mounted(cluster):
        pod_spec["volumes"] = [
            {"name": _VOLUME, "persistentVolumeClaim": {"claimName": cluster.claim}}
        ]
    template = {"metadata": {"labels": metadata["labels"]}, "spec": pod_spec}
    selector = {"matchLabels": {"app.kubernetes.io/name": metadata["name"]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {**(spec or {}), "selector": selector, "template": template},
    }


def _container(image: str, arguments: Sequence[str], cluster: ClusterSettings) -> Document:
    """Return a container with its probes.

    It has started once the liveness file exists, and is stuck when the file was not touched for
    `grace` seconds. `find` checks this: it needs less CPU time than a Python process.
    """
    was_touched = f'test -n "$(find {_RUN_FOLDER}/{FILE_NAME} -mmin -{ceil(cluster.grace / 60)})"'
    reference = {"secretKeyRef": {"name": BROKER_SECRET, "key": "url"}}
    container: Document = {
        "name": "worker",
        "image": image,
        "command": ["chorus", *arguments],
        "env": [
            {"name": "CHORUS_HOME", "value": cluster.home},
            {"name": "CHORUS_RUN", "value": _RUN_FOLDER},
            {"name": "CHORUS_LOG", "value": "json"},  # for the cluster's collector
            {"name": "CHORUS_BROKER_URL", "valueFrom": reference},
        ],
        "startupProbe": {
            "exec": {"command": ["test", "-e", f"{_RUN_FOLDER}/{FILE_NAME}"]},
            "periodSeconds": 2,
            "failureThreshold": 300,
        },
        "livenessProbe": {
            "exec": {"command": ["sh", "-c", was_touched]},
            "periodSeconds": 30,
            "timeoutSeconds": 10,
        },
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if _root_is_mounted(cluster):
        container["volumeMounts"] = [{"name": _VOLUME, "mountPath": cluster.home}]
    return container


def _root_is_mounted(cluster: ClusterSettings) -> bool:
    return "://" not in cluster.home
