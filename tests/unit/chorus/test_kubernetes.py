"""Kubernetes objects: valid by the schemas of Kubernetes and KEDA, and as chorus.toml says."""

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
    objects = build_documents([POOL, GPU], cluster)
    for document in objects:
        check(document, version)
    kinds = [document["kind"] for document in objects]
    assert kinds.count("Deployment") == 3 + bool(cluster.bridge_environment)
    assert kinds.count("ScaledObject") == 2
    assert kinds.count("Service") == 1


@pytest.mark.parametrize(
    "make_mistake",
    [
        lambda scaled: scaled["spec"].update(pollInterval=5),
        lambda scaled: scaled["spec"].update(cooldownPeriod="2m"),
        lambda scaled: scaled["spec"]["triggers"][0]["metadata"].update(targetValue=1),
        lambda scaled: scaled["spec"]["triggers"][0].pop("type"),
        lambda scaled: scaled["spec"].pop("scaleTargetRef"),
        lambda scaled: scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"][
            "behavior"
        ].update(scaleDwn={}),
    ],
)
def test_the_schema_of_keda_rejects_a_mistake(make_mistake):
    scaled = of_kind("ScaledObject", build_documents([POOL], CLUSTER))["chorus-score-mood"]
    make_mistake(scaled)
    with pytest.raises(jsonschema.ValidationError):
        check(scaled)


def test_the_schema_of_kubernetes_rejects_a_mistake():
    deployment = of_kind("Deployment", build_documents([POOL], CLUSTER))["chorus-score-mood"]
    container(deployment)["livenessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        check(deployment)


def test_keda_scales_a_pool_to_the_number_of_workers_that_the_control_worker_reports():
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


def test_the_metrics_service_selects_the_control_worker():
    objects = build_documents([POOL], CLUSTER)
    [service], control = (
        of_kind("Service", objects).values(),
        of_kind("Deployment", objects)["chorus-control"],
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


def test_a_bridge_is_deployed_if_it_is_configured_with_its_variables_and_the_common_probes():
    assert "chorus-bridge" not in of_kind("Deployment", build_documents([POOL], CLUSTER))
    deployments = of_kind("Deployment", build_documents([POOL], DISK))
    bridge, control = deployments["chorus-bridge"], deployments["chorus-control"]
    assert container(bridge)["command"] == ["chorus", "bridge"]
    environment = {variable["name"]: variable.get("value") for variable in container(bridge)["env"]}
    assert environment.items() >= MESSAGES.items()
    assert environment["CHORUS_HOME"] == "/data"
    assert "CHORUS_SUBSCRIPTION" not in {variable["name"] for variable in container(control)["env"]}
    for probe in ("startupProbe", "livenessProbe"):
        assert container(bridge)[probe] == container(control)[probe]
    assert bridge["spec"]["replicas"] == 1


def test_every_deployment_selects_its_own_pods_and_no_others():
    deployments = of_kind("Deployment", build_documents([POOL, GPU], DISK)).values()
    for deployment in deployments:
        selected = deployment["spec"]["selector"]["matchLabels"].items()
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


def test_only_keda_sets_the_number_of_workers():
    deployments = of_kind("Deployment", build_documents([POOL], CLUSTER))
    assert "replicas" not in deployments["chorus-score-mood"]["spec"]
    assert deployments["chorus-control"]["spec"]["replicas"] == 1


def test_the_url_of_the_broker_is_in_a_secret_and_nowhere_else():
    objects = build_documents([POOL], DISK)
    assert of_kind("Secret", objects)["chorus-broker"]["stringData"] == {"url": DISK.broker}
    assert render_yaml(objects).count("p%40ss") == 1
    assert not of_kind("Secret", build_documents([POOL], CLUSTER))
    for deployment in of_kind("Deployment", objects).values():
        [entry] = [
            variable
            for variable in container(deployment)["env"]
            if variable["name"] == "CHORUS_BROKER_URL"
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


def test_a_pod_has_the_grace_period_to_finish_its_chunk():
    for deployment in of_kind(
        "Deployment", build_documents([POOL], replace(CLUSTER, grace=90.5))
    ).values():
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 91


def test_the_probes_detect_progress(tmp_path):
    """Run the probes' own commands on a folder of this test."""
    worker = container(of_kind("Deployment", build_documents([POOL], CLUSTER))["chorus-score-mood"])
    [run] = [variable["value"] for variable in worker["env"] if variable["name"] == "CHORUS_RUN"]

    def succeeds(probe):
        command = [word.replace(run, str(tmp_path)) for word in worker[probe]["exec"]["command"]]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert not succeeds("startupProbe")
    assert not succeeds("livenessProbe")
    liveness_file.touch_liveness_file(tmp_path)
    assert succeeds("startupProbe")
    assert succeeds("livenessProbe")
    long_ago = time.time() - CLUSTER.grace - 1
    os.utime(tmp_path / liveness_file.FILE_NAME, (long_ago, long_ago))
    assert not succeeds("livenessProbe")
    liveness_file.touch_liveness_file(tmp_path)
    assert succeeds("livenessProbe")


@pytest.mark.parametrize("namespace", ["", "a_b", "-a", "a-", "A", "a.b", "a" * 64, "a\n"])
def test_a_bad_namespace_is_refused(namespace):
    with pytest.raises(BadNamespace, match="no namespace of Kubernetes"):
        build_documents([POOL], replace(CLUSTER, namespace=namespace))


model_names = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9_-]{1,8})*\Z").filter(
    lambda name: len(name) <= 63
)
names_that_may_collide = (
    st.text("a.-_0", min_size=1, max_size=5)
    .map(lambda end: f"a{end}")
    .filter(lambda name: not re.search(r"\.\.|\.$", name))
)


@given(model_names | names_that_may_collide)
@example("a" * 63)
@example("topics-0123abcd")
@example("control")
def test_the_name_of_an_object_is_a_label_with_room_for_the_names_of_its_pods(model):
    name = object_name(check_name("model", model))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= 52


@given(st.lists(model_names | names_that_may_collide, unique=True, min_size=2, max_size=30))
@example(["a.b", "a-b", "a_b", "a-b-", "a--b", object_name("a.b").removeprefix("chorus-score-")])
@example(["x" * 40, "x" * 41, "x" * 39, "x" * 39 + "-"])
def test_no_two_models_share_an_object_name(models):
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
def test_objects_are_valid_and_survive_yaml_under_any_limits(model, limits, threads, memory, gpu):
    objects = build_documents([WorkerPool(model, limits, threads, memory, gpu)], DISK)
    for document in objects:
        check(document)
    text = render_yaml(objects)
    assert list(yaml.safe_load_all(text)) == objects
    assert f'"{model}"' in text or re.fullmatch(r"[a-z][a-z./-]{2,}", model), (
        "quoted unless a plain word"
    )
    spec = of_kind("ScaledObject", objects)[object_name(model)]["spec"]
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
def test_a_text_that_a_yaml_parser_may_read_as_another_type_is_quoted(text):
    assert (
        render_yaml([{"key": text}]) == f'---\nkey: "{text}"\n'
        or render_yaml([{"key": text}]) == f"---\nkey: '{text}'\n"
    )
