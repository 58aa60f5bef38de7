"""`chorus deploy kubernetes` from the command line."""

import pytest
import yaml

from tests.support.kubernetes_schemas import check, container, of_kind
from tests.support.runs.command import Command

MODELS = {"mood-bow", "mood-plain", "sleeper", "topics-acme", "topics-bow"}


def test_every_model_of_the_registry_is_deployed_within_the_limits_of_the_file(chorus, home):
    (home / "chorus.toml").write_text(
        '[defaults]\nmax = 4\n[models.mood-bow]\nmin = 1\nmemory = "1 GB"\ndevice = "cuda"\n'
    )
    ended = chorus(
        "deploy", "kubernetes", "--namespace", "feedback", "--image", "registry.example/chorus:1"
    )
    assert ended.status == 0, ended.err
    objects = list(yaml.safe_load_all(ended.out))
    for document in objects:
        check(document)
        assert document["metadata"]["namespace"] == "feedback"
    scaled, deployments = of_kind("ScaledObject", objects), of_kind("Deployment", objects)
    assert set(scaled) == {f"chorus-score-{model}" for model in MODELS}
    assert set(deployments) == {*scaled, "chorus-control"}
    spec = scaled["chorus-score-mood-bow"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 4)
    worker = container(deployments["chorus-score-mood-bow"])
    assert worker["image"] == "registry.example/chorus:1"
    assert worker["command"] == [
        "chorus",
        "worker",
        "--model",
        "mood-bow",
        "--threads",
        "1",
        "--device",
        "cpu",
    ], "a bag of words has one thread and uses no GPU, even if the file names one"
    assert worker["resources"]["limits"] == {"memory": "954Mi"}
    assert {"name": "CHORUS_HOME", "value": "/data"} in worker["env"]


def test_out_writes_a_file_with_the_given_broker_home_claim_and_grace(chorus, tmp_path):
    out = tmp_path / "chorus.yaml"
    ended = chorus.here(
        "deploy", "kubernetes", "--out", out, "--broker", "redis://r:6379/0",
        "--home", "/mnt/x", "--claim", "disk", "--grace", "2m",
    )  # fmt: skip
    assert (ended.status, ended.out) == (0, ""), ended.err
    objects = list(yaml.safe_load_all(out.read_text()))
    assert of_kind("Secret", objects)["chorus-broker"]["stringData"] == {"url": "redis://r:6379/0"}
    pod = of_kind("Deployment", objects)["chorus-score-sleeper"]["spec"]["template"]["spec"]
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "disk"}
    assert pod["containers"][0]["volumeMounts"][0]["mountPath"] == "/mnt/x"
    assert pod["terminationGracePeriodSeconds"] == 120


def test_the_bridge_has_the_message_settings_of_the_environment(home):
    settings = {
        "CHORUS_SUBSCRIPTION": "projects/p/subscriptions/feedback",
        "CHORUS_RESULTS_TOPIC": "projects/p/topics/labels",
    }
    ended = Command(home, CHORUS_GATHER_MS="50", **settings).here("deploy", "kubernetes")
    assert ended.status == 0, ended.err
    bridge = of_kind("Deployment", list(yaml.safe_load_all(ended.out)))["chorus-bridge"]
    check(bridge)
    environment = {variable["name"]: variable.get("value") for variable in container(bridge)["env"]}
    assert (
        environment.items()
        >= {**settings, "CHORUS_GATHER_MS": "50", "CHORUS_ONCE_HOURS": "24"}.items()
    )
    assert "CHORUS_DEAD_LETTER_TOPIC" not in environment


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--namespace", "a_b"], "no namespace"),
        (["--grace", "soon"], 'such as "90s"'),
        (["--grace", "0"], "above 0"),
        (["--home", "data"], "absolute path"),
        (["--home", "gopher://x"], "gs://"),
        (["--broker", "amqp://x"], "redis://host"),
        (["--out", "/nowhere/at/all"], "No such file or directory: '/nowhere/at/all'"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_rendered(chorus, arguments, error):
    ended = chorus.here("deploy", "kubernetes", *arguments)
    assert ended.status in (1, 2)
    assert error in ended.err
    assert ended.out == ""


def test_a_bad_limit_is_named_by_its_line_and_nothing_is_rendered(chorus, home):
    (home / "chorus.toml").write_text("[defaults]\nmax = 0\n")
    ended = chorus.here("deploy", "kubernetes")
    assert (ended.status, ended.out) == (2, "")
    assert "chorus.toml, line 2: max in [defaults] is 0" in ended.err


def test_a_root_without_models_deploys_nothing(tmp_path):
    ended = Command(tmp_path / "new").here("deploy", "kubernetes")
    assert ended.status == 2
    assert "no models" in ended.err
