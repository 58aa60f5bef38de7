"""docker-compose.yml and Dockerfile are valid, and every command in them works."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys

import pytest
import yaml

from tests.support.repository import REPOSITORY
from tests.support.runs.command import Command
from tests.support.runs.waiting import wait_until
from workers.processes.embedded_broker import server_binary

ROOT = REPOSITORY
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CHORUS_SERVICES = ("control", "pools")  # the services that run a chorus command
MESSAGE_SERVICES = ("pubsub", "bridge")  # those of the profile `messages`


@pytest.fixture(scope="module")
def port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.fixture(scope="module")
def compose_broker(port, tmp_path_factory):
    """The broker, started by the command of the compose file."""
    program, *arguments = COMPOSE["services"]["redis"]["command"]
    assert program == "redis-server"
    folder = tmp_path_factory.mktemp("redis")
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [server_binary(), *arguments, "--port", str(port)], cwd=folder, stdout=log
    )
    healthcheck = COMPOSE["services"]["redis"]["healthcheck"]["test"]
    assert healthcheck[0] == "CMD"
    check = [word.replace("6379", str(port)) for word in healthcheck[1:]]
    try:
        wait_until(
            lambda: subprocess.run(check, capture_output=True, check=False).returncode == 0,
            "a healthy broker",
        )
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()
        log.close()
    assert list(folder.rglob("*.aof")), "the append-only file is on"


def test_the_health_check_fails_without_a_broker(port):
    check = [
        word.replace("6379", str(port))
        for word in COMPOSE["services"]["redis"]["healthcheck"]["test"][1:]
    ]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        unused = [word.replace(str(port), str(free.getsockname()[1])) for word in check]
        assert subprocess.run(unused, capture_output=True, check=False).returncode != 0


def test_the_compose_file_follows_the_compose_specification():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*check, ROOT / "docker-compose.yml"], check=True)


def test_there_is_a_broker_a_control_worker_and_pools_that_follow_demand():
    assert {name for name, service in COMPOSE["services"].items() if "profiles" not in service} == {
        "redis",
        *CHORUS_SERVICES,
    }
    assert COMPOSE["services"]["pools"]["command"] == ["chorus", "up", "--join"]
    shared = {json.dumps(COMPOSE["services"][name]["volumes"]) for name in CHORUS_SERVICES}
    assert len(shared) == 1, "all share one folder"


def test_an_emulator_of_pubsub_and_a_bridge_to_it_come_with_a_profile():
    extra = {
        name: service for name, service in COMPOSE["services"].items() if "profiles" in service
    }
    assert tuple(extra) == MESSAGE_SERVICES
    assert [service["profiles"] for service in extra.values()] == [["messages"]] * len(
        MESSAGE_SERVICES
    )
    emulator, bridge = (extra[name] for name in MESSAGE_SERVICES)
    options = dict(word[2:].split("=") for word in emulator["command"] if word.startswith("--"))
    port = options["host-port"].rpartition(":")[2]
    assert options["host-port"].startswith("0.0.0.0:"), "other containers reach it"
    assert emulator["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert emulator["healthcheck"]["test"][-1].endswith(f"/127.0.0.1/{port}")
    assert set(bridge["depends_on"]) == {"redis", "pubsub"}
    assert bridge["command"] == ["chorus", "bridge", "--create"]
    environment = dict(bridge["environment"])
    assert environment.pop("PUBSUB_EMULATOR_HOST") == f"pubsub:{port}"
    project = options["project"]
    assert environment.pop("CHORUS_SUBSCRIPTION").startswith(f"projects/{project}/subscriptions/")
    assert environment.pop("CHORUS_RESULTS_TOPIC").startswith(f"projects/{project}/topics/")
    assert environment == COMPOSE["x-chorus"]["environment"]


def test_the_emulator_is_healthy_while_its_port_takes_connections():
    kind, *check = COMPOSE["services"]["pubsub"]["healthcheck"]["test"]
    assert kind == "CMD"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        check = [word.replace("8085", str(listening.getsockname()[1])) for word in check]
        assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0


def test_the_commands_of_the_compose_file_label_an_upload(compose_broker, home, upload):
    """Run each chorus command as it stands in the file."""
    service = Command(home, light=True, CHORUS_BROKER_URL=compose_broker)
    started = [service.start(*COMPOSE["services"][name]["command"][1:]) for name in CHORUS_SERVICES]
    try:
        job = service.here("submit", upload([("1", "great")]), "--customer", "plain").out.strip()

        def is_done():
            assert not [process.args for process in started if process.poll() is not None], (
                "a service has ended"
            )
            return service.here("status", job, "--json").json["status"] == "done"

        wait_until(is_done, "the job to end")
        [health] = {
            json.dumps(COMPOSE["services"][name]["healthcheck"]["test"]) for name in CHORUS_SERVICES
        }
        kind, check = json.loads(health)
        assert kind == "CMD-SHELL"
        check = check.replace("$$", "$").replace(
            COMPOSE["x-chorus"]["environment"]["CHORUS_RUN"], str(home / "run")
        )
        assert subprocess.run(["sh", "-c", check], check=False).returncode == 0
        assert (
            subprocess.run(["sh", "-c", check.replace("alive", "dead")], check=False).returncode
            != 0
        )
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.communicate(timeout=30)
            assert process.returncode == 0
    finally:
        for process in started:
            process.kill()
            process.communicate()


def dockerfile():
    """Return (instruction, words) of each line."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]


def test_the_images_are_a_slim_one_for_the_cpu_and_one_with_torch():
    stages = [
        shlex.split(words)[-1] for instruction, words in dockerfile() if instruction == "FROM"
    ]
    assert stages == ["cpu", "gpu"]
    installs = [
        words
        for instruction, words in dockerfile()
        if instruction == "RUN" and "pip install" in words
    ]
    assert [shlex.split(words)[-1] for words in installs] == [".[excel,gcp,s3]", ".[train]"]


def test_the_run_lines_of_the_dockerfile_work():
    """All pip lines run as one dry run: their packages must agree with each other."""
    lines = [shlex.split(words) for instruction, words in dockerfile() if instruction == "RUN"]
    others = [line for line in lines if line[0] != "python"]
    assert others == [["useradd", "--create-home", "chorus"]], (
        "the one line that would change this machine"
    )
    installs = [line for line in lines if line[0] == "python"]
    assert len(installs) == 2
    [options] = {tuple(line[1:-1]) for line in installs}
    command = [sys.executable, *options, *(line[-1] for line in installs), "--dry-run", "--quiet"]
    subprocess.run(
        command, cwd=ROOT, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    )


def test_the_default_command_of_the_image_is_a_chorus_command(home):
    [words] = [words for instruction, words in dockerfile() if instruction == "CMD"]
    program, *arguments = json.loads(words)
    assert program == "chorus"
    assert Command(home).here(*arguments).status == 0
