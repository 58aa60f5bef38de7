"""Two machines with one broker and one root share a job, and either may die at any moment.

The machines are network namespaces, see tests.support.runs.namespaces. The test is skipped where
they cannot be created.
"""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from storage.places.place import LocalPlace
from tasks.board.board import Board
from tasks.board.keys import key_prefix
from tasks.board.roster import Roster
from tasks.board.worker_profile import WorkerProfile, store_profile
from tasks.broker.broker_url import BrokerAddress
from tests.support.runs.command import Command
from tests.support.runs.namespaces import machines, missing_requirements
from tests.support.runs.waiting import wait_until
from workers.processes.embedded_broker import server_binary

ROWS = 200  # each a cell of its own
SECRET = "not-for-everyone"  # noqa: S105 — of a broker that lives as long as a test
# As many workers as there are cores: a machine has one.
CHORUS_TOML = "[defaults]\nmax = 4\ndrain = 1\n"


@pytest.fixture
def network():
    """Two machines."""
    if (reason := missing_requirements()) is not None:
        pytest.skip(reason)
    with ExitStack() as stack:
        try:
            two_machines = stack.enter_context(machines(2))
        except subprocess.CalledProcessError as error:
            if "CI" in os.environ:
                raise
            pytest.skip(f"cannot make a network namespace here: {error.stderr.strip()}")
        yield two_machines


@pytest.fixture
def broker_port(network, tmp_path):
    """A broker that listens on the host's end of both wires only."""
    addresses = [machine.outside for machine in network]
    with socket.socket() as free:
        free.bind((addresses[0], 0))
        port = free.getsockname()[1]
    options = [
        "--bind",
        *addresses,
        "--port",
        str(port),
        "--requirepass",
        SECRET,
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with (tmp_path / "broker.log").open("wb") as log:
        process = subprocess.Popen([server_binary(), *options], stdout=log)
    try:
        wait_until(lambda: answers(addresses[0], port), "the broker")
        yield port
    finally:
        process.kill()
        process.wait()


def answers(address, port):
    with socket.socket() as client:
        return client.connect_ex((address, port)) == 0


@pytest.fixture
def service(network, broker_port, home):
    """Machine → the command line on it, and the board."""
    (home / "chorus.toml").write_text(CHORUS_TOML)
    # worth both machines
    store_profile(
        LocalPlace(home), "mood-bow", 1, WorkerProfile(rate=2, start_seconds=1, memory=200_000_000)
    )
    urls = [f"redis://:{SECRET}@{machine.outside}:{broker_port}/0" for machine in network]
    commands = {
        machine.name: Command(
            home,
            machine.within,
            light=True,
            brake=home.parent / "brake",
            CHORUS_BROKER_URL=url,
            CHORUS_RUN=str(home.parent / machine.name),
            CHORUS_CORES="1",
            CHORUS_CHUNK_ROWS="1",
        )
        for machine, url in zip(network, urls, strict=True)
    }
    with BrokerAddress(urls[0]).client() as client:
        yield SimpleNamespace(commands=commands, board=Board(client, key_prefix(LocalPlace(home))))


def scoring(board):
    """Return worker → machine, of the workers that are scoring."""
    busy = [
        worker
        for worker in Roster(board).workers()
        if worker.model == "mood-bow" and worker.state == "busy"
    ]
    return {worker.id: worker.machine.rsplit("-", 1)[0] for worker in busy}


def test_two_machines_share_a_job_and_either_finishes_it_when_the_other_dies(
    service, network, upload, tmp_path
):
    brake = tmp_path / "brake"
    brake.touch()
    texts = [
        (f"r{number}", f"{'great' if number % 3 else 'awful'} thing {number}")
        for number in range(ROWS)
    ]
    first, second = [machine.name for machine in network]
    with ExitStack() as stack:

        def join(name):
            running[name] = stack.enter_context(service.commands[name].start("up", "--join"))
            stack.callback(running[name].kill)

        def kill(name):
            both = {first, second}
            busy = wait_until(
                lambda: living() if set(living().values()) == both else None,
                "both machines to score",
            )
            dead.update(worker for worker, machine in busy.items() if machine == name)
            running[name].send_signal(signal.SIGKILL)
            assert service.board.progress(job, ["mood-bow"]).parts < ROWS, (
                "the job is in the middle"
            )

        def living():
            return {
                worker: machine
                for worker, machine in scoring(service.board).items()
                if worker not in dead
            }

        running, dead = {}, set()
        join(first)
        join(second)
        submitted = service.commands[first].here("submit", upload(texts), "--customer", "plain")
        assert submitted.status == 0, submitted.err
        job = submitted.out.strip()
        kill(second)
        join(second)
        kill(first)
        brake.unlink()

        ask = service.commands[second].here
        output = Path(ask("status", job, "--json").json["output"])
        wait_until((output / "_SUCCESS").exists, "the other machine to end the job alone")
        state = ask("status", job, "--json").json
        assert (state["status"], state["labelled"], state["rejected"]) == ("done", ROWS, 0)
        assert running[second].poll() is None
        running[second].send_signal(signal.SIGTERM)
        _, err = running[second].communicate(timeout=30)
        assert running[second].returncode == 0, err.decode()
    rows = [
        row
        for part in sorted(output.glob("part-*"))
        for row in pq.read_table(part, partitioning=None).to_pylist()
    ]
    assert [row["id"] for row in rows] == [f"r{number}" for number in range(ROWS)]
    assert [row["mood"] for row in rows] == [
        "positive" if number % 3 else "negative" for number in range(ROWS)
    ]
