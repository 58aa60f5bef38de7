"""What Kubernetes is asked for: valid by the schemas of Kubernetes and KEDA, and it does what
chorus.toml says.
"""

import os
import re
import subprocess
import time
from dataclasses import replace

import jsonschema
import kubernetes_validate
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chorus.operations.kubernetes import (
    BadNamespace,
    ClusterSettings,
    WorkerPool,
    build_documents,
    object_name,
)
from chorus.operations.yaml_text import render_yaml
from storage.names import check_name
from tests.support.kubernetes_schemas import NEWEST, OLDEST, check, container, of_kind
from workers.autoscaling.limits import Limits
from workers.runtime import liveness_file

CLUSTER = ClusterSettings(
    "feedback", "chorus:cpu", "chorus:gpu", "gs://bucket/chorus", "shared", grace=600
)
MESSAGES = {
    "CHORUS_SUBSCRIPTION": "projects/p/subscriptions/feedback",
    "CHORUS_GATHER_ROWS": "1024",
}
DISK = replace(
    CLUSTER, home="/data", broker="redis://:p%40ss@broker:6379/0", bridge_environment=MESSAGES
)
POOL = WorkerPool("mood", Limits(), threads=2, memory=600_000_000, gpu=False)
GPU = replace(
    POOL, model="large.v2", limits=Limits(min=1, max=3, keep_warm=90.5, device="cuda"), gpu=True
)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("cluster", [CLUSTER, DISK], ids=["bucket", "disk"])
def test_all_objects_are_valid_by_the_schemas_of_kubernetes_and_keda(cluster, version):
    found = build_documents([POOL, GPU], cluster)
    for document in found:
        check(document, version)
    kinds = [document["kind"] for document in found]
    assert kinds.count("Deployment") == 3 + bool(cluster.bridge_environment)
    assert kinds.count("ScaledObject") == 2
    assert kinds.count("Service") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda one: one["spec"].update(pollInterval=5),
        lambda one: one["spec"].update(cooldownPeriod="2m"),
        lambda one: one["spec"]["triggers"][0]["metadata"].update(targetValue=1),
        lambda one: one["spec"]["triggers"][0].pop("type"),
        lambda one: one["spec"].pop("scaleTargetRef"),
        lambda one: one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"].update(
            scaleDwn={}
        ),
    ],
)
def test_the_schema_of_keda_would_find_a_mistake(wrong):
    scaled = of_kind("ScaledObject", build_documents([POOL], CLUSTER))["chorus-score-mood"]
    wrong(scaled)
    with pytest.raises(jsonschema.ValidationError):
        check(scaled)


def test_the_schema_of_kubernetes_would_find_a_mistake():
    deployment = of_kind("Deployment", build_documents([POOL], CLUSTER))["chorus-score-mood"]
    container(deployment)["livenessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        check(deployment)


def test_a_pool_sleeps_and_wakes_by_the_workers_that_the_control_worker_counts():
    scaled = of_kind("ScaledObject", build_documents([POOL, GPU], CLUSTER))
    spec = scaled["chorus-score-mood"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["cooldownPeriod"]) == (
        0,
        100,
        120,
    )
    [trigger] = spec["triggers"]
    assert trigger["metadata"] == {
        "url": "http://chorus-control.feedback.svc:9464/demand/mood",
        "valueLocation": "workers",
        "targetValue": "1",
        "activationTargetValue": "0",
    }
    warm = scaled[object_name("large.v2")]["spec"]
    assert (warm["minReplicaCount"], warm["maxReplicaCount"], warm["cooldownPeriod"]) == (1, 3, 91)
    assert warm["triggers"][0]["metadata"]["url"].endswith("/demand/large.v2"), (
        "the model's own name, not the object's"
    )


def test_the_service_of_the_metrics_finds_the_control_worker():
    found = build_documents([POOL], CLUSTER)
    [service], control = (
        of_kind("Service", found).values(),
        of_kind("Deployment", found)["chorus-control"],
    )
    assert service["metadata"]["name"] == "chorus-control"
    assert (
        service["spec"]["selector"].items()
        <= control["spec"]["template"]["metadata"]["labels"].items()
    )
    assert container(control)["command"] == [
        "chorus",
        "worker",
        "--control",
        "--metrics",
        "0.0.0.0:9464",
    ]
    [port] = container(control)["ports"]
    assert (port["name"], port["containerPort"]) == (
        service["spec"]["ports"][0]["targetPort"],
        9464,
    )


def test_a_bridge_is_there_where_messages_are_and_has_their_variables_and_the_probes_of_all():
    assert "chorus-bridge" not in of_kind("Deployment", build_documents([POOL], CLUSTER))
    deployments = of_kind("Deployment", build_documents([POOL], DISK))
    bridge, control = deployments["chorus-bridge"], deployments["chorus-control"]
    assert container(bridge)["command"] == ["chorus", "bridge"]
    environment = {one["name"]: one.get("value") for one in container(bridge)["env"]}
    assert environment.items() >= MESSAGES.items()
    assert environment["CHORUS_HOME"] == "/data"
    assert "CHORUS_SUBSCRIPTION" not in {one["name"] for one in container(control)["env"]}
    for probe in ("startupProbe", "livenessProbe"):
        assert container(bridge)[probe] == container(control)[probe]
    assert bridge["spec"]["replicas"] == 1


def test_every_deployment_selects_its_own_pods_and_no_others():
    deployments = of_kind("Deployment", build_documents([POOL, GPU], DISK)).values()
    for one in deployments:
        selected = one["spec"]["selector"]["matchLabels"].items()
        assert [
            selected <= other["spec"]["template"]["metadata"]["labels"].items()
            for other in deployments
        ].count(True) == 1


def test_a_worker_on_a_gpu_asks_for_one_and_others_do_not():
    deployments = of_kind("Deployment", build_documents([POOL, GPU], CLUSTER))
    plain, gpu = deployments["chorus-score-mood"], deployments[object_name("large.v2")]
    assert container(plain)["resources"] == {
        "requests": {"cpu": "2", "memory": "573Mi"},
        "limits": {"memory": "573Mi"},
    }
    assert container(plain)["image"] == "chorus:cpu"
    assert container(plain)["command"][2:] == [
        "--model",
        "mood",
        "--threads",
        "2",
        "--device",
        "cpu",
    ]
    assert container(gpu)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container(gpu)["image"] == "chorus:gpu"
    assert container(gpu)["command"][2:] == [
        "--model",
        "large.v2",
        "--threads",
        "2",
        "--device",
        "cuda",
    ]


def test_keda_alone_says_how_many_workers_there_are():
    deployments = of_kind("Deployment", build_documents([POOL], CLUSTER))
    assert "replicas" not in deployments["chorus-score-mood"]["spec"]
    assert deployments["chorus-control"]["spec"]["replicas"] == 1


def test_the_broker_comes_from_a_secret_and_its_url_stands_nowhere_else():
    found = build_documents([POOL], DISK)
    assert of_kind("Secret", found)["chorus-broker"]["stringData"] == {"url": DISK.broker}
    assert render_yaml(found).count("p%40ss") == 1
    assert not of_kind("Secret", build_documents([POOL], CLUSTER))
    for deployment in of_kind("Deployment", found).values():
        [entry] = [
            one for one in container(deployment)["env"] if one["name"] == "CHORUS_BROKER_URL"
        ]
        assert entry["valueFrom"]["secretKeyRef"] == {"name": "chorus-broker", "key": "url"}


def test_a_root_on_disk_is_mounted_and_one_in_a_bucket_is_not():
    for cluster, home, claims in ((CLUSTER, "gs://bucket/chorus", []), (DISK, "/data", ["shared"])):
        for deployment in of_kind("Deployment", build_documents([POOL], cluster)).values():
            pod = deployment["spec"]["template"]["spec"]
            assert {"name": "CHORUS_HOME", "value": home} in container(deployment)["env"]
            assert [
                volume["persistentVolumeClaim"]["claimName"] for volume in pod.get("volumes", [])
            ] == claims
            assert [
                mount["mountPath"] for mount in container(deployment).get("volumeMounts", [])
            ] == [home] * len(claims)


def test_a_pod_gets_the_time_to_finish_its_chunk():
    for deployment in of_kind(
        "Deployment", build_documents([POOL], replace(CLUSTER, grace=90.5))
    ).values():
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 91


def test_the_probes_see_progress(tmp_path):
    """The very commands, on a folder of this test."""
    found = container(of_kind("Deployment", build_documents([POOL], CLUSTER))["chorus-score-mood"])
    [run] = [one["value"] for one in found["env"] if one["name"] == "CHORUS_RUN"]

    def well(probe):
        command = [word.replace(run, str(tmp_path)) for word in found[probe]["exec"]["command"]]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert not well("startupProbe")
    assert not well("livenessProbe")
    liveness_file.touch_liveness_file(tmp_path)
    assert well("startupProbe")
    assert well("livenessProbe")
    long_ago = time.time() - CLUSTER.grace - 1
    os.utime(tmp_path / liveness_file.FILE_NAME, (long_ago, long_ago))
    assert not well("livenessProbe")
    liveness_file.touch_liveness_file(tmp_path)
    assert well("livenessProbe")


@pytest.mark.parametrize("namespace", ["", "a_b", "-a", "a-", "A", "a.b", "a" * 64, "a\n"])
def test_a_bad_namespace_is_refused(namespace):
    with pytest.raises(BadNamespace, match="no namespace of Kubernetes"):
        build_documents([POOL], replace(CLUSTER, namespace=namespace))


model_names = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9_-]{1,8})*\Z").filter(
    lambda name: len(name) <= 63
)
close = (
    st.text("a.-_0", min_size=1, max_size=5)
    .map(lambda end: f"a{end}")
    .filter(lambda name: not re.search(r"\.\.|\.$", name))
)


@given(model_names | close)
@example("a" * 63)
@example("topics-0123abcd")
@example("control")
def test_the_name_of_an_object_is_a_label_with_room_for_the_names_of_its_pods(model):
    name = object_name(check_name("model", model))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= 52


@given(st.lists(model_names | close, unique=True, min_size=2, max_size=30))
@example(["a.b", "a-b", "a_b", "a-b-", "a--b", object_name("a.b").removeprefix("chorus-score-")])
@example(["x" * 40, "x" * 41, "x" * 39, "x" * 39 + "-"])
def test_no_two_models_share_an_object(models):
    assert len({object_name(model) for model in models}) == len(models)


@settings(max_examples=20)
@given(
    model_names
    | st.sampled_from(["1e5", "0x1f", "1_000", "no", "y", "null", "2024-01-01", "0o17", "12"]),
    st.builds(
        Limits,
        min=st.integers(0, 200),
        max=st.none() | st.integers(200, 1000),
        keep_warm=st.floats(0, 1e9),
        drain=st.floats(1, 1e9),
    ),
    st.integers(1, 256),
    st.integers(1, 10**13),
    st.booleans(),
)
def test_whatever_the_limits_the_objects_are_valid_and_survive_yaml(
    model, limits, threads, memory, gpu
):
    found = build_documents([WorkerPool(model, limits, threads, memory, gpu)], DISK)
    for document in found:
        check(document)
    text = render_yaml(found)
    assert list(yaml.safe_load_all(text)) == found
    assert f'"{model}"' in text or re.fullmatch(r"[a-z][a-z./-]{2,}", model), (
        "quoted unless a plain word"
    )
    spec = of_kind("ScaledObject", found)[object_name(model)]["spec"]
    assert spec["minReplicaCount"] <= spec["maxReplicaCount"]
    assert (
        0
        <= spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"][
            "stabilizationWindowSeconds"
        ]
        <= 3600
    )


@pytest.mark.parametrize(
    "text",
    [
        "1e5",
        "0x1f",
        "1_000",
        "no",
        "y",
        "N",
        "off",
        "null",
        "~",
        "2024-01-01",
        "0o17",
        ".inf",
        "1:30",
    ],
)
def test_a_text_that_some_reader_takes_for_something_else_is_quoted(text):
    assert (
        render_yaml([{"key": text}]) == f'---\nkey: "{text}"\n'
        or render_yaml([{"key": text}]) == f"---\nkey: '{text}'\n"
    )
