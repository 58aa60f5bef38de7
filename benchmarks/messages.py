"""Measure 10,000 Pub/Sub messages through the bridge, two models and the results topic.

Throughput runs from the first published message to the last received result. It is compared with a
bag of words and a transformer that score the same texts in one process on all cores, without queue,
storage or messages. Latency at light load is that of one message at a time, from its publication to
its received result, less the time that the bridge waits for more messages. The tests' Pub/Sub
server, Google's clients and the reader run on the same cores. Lost messages and feedback that was
labelled twice are counted.
"""

import json
import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from support.demo_models import ALL_MODELS, real_texts, root_with_models
from support.report import AtLeast, AtMost, Target, median, report
from support.service import ServiceProcess, temporary_root
from throughput import BareLoop, faster_precisions, warm_service

from chorus.common.settings import child_environment, from_environment
from workers.processes.child_process import ChildProcess

sys.path.append(str(Path(__file__).parent.parent))
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"  # as tests/conftest.py says

from tests.support.servers.pubsub_server import pubsub_process

MESSAGES = 10_000
SINGLE_MESSAGES = 200
WARM_UP = 20
ROUNDS = 3
GATHERING_MS = 200
MODELS = ("sentiment-bow", "sentiment-minilm")

SUBSCRIPTION = "projects/bench/subscriptions/feedback"
FEEDBACK = "projects/bench/topics/feedback"
LABELS = "projects/bench/topics/labels"
_TIMEOUT = 300.0  # seconds
_MESSAGES_PER_REQUEST = 1000


def main() -> None:
    cores, texts = from_environment().cores, real_texts(MESSAGES)
    measures, targets = dict[str, float](), dict[str, Target]()
    with temporary_root() as root, pubsub_process() as server:
        os.environ["PUBSUB_EMULATOR_HOST"] = server.address
        place = root_with_models(root, *MODELS)
        precision = faster_precisions(place, MODELS[1])[-1]
        bare = BareLoop(place, MODELS, cores, precision, texts)
        with warm_service(root, place, MODELS, cores, precision) as running, run_bridge(running):
            app = MainApp()
            app.label([f"{number}: warming up" for number in range(WARM_UP)])
            measures |= measure_light_load(app)
            rates = defaultdict(list)
            for number in range(ROUNDS):
                shutil.rmtree(root / "scores")  # else their scores would be reused
                rates["through messages"].append(app.label(texts))
                rates["bare engines"].append(bare.rate())
                latest = ", ".join(f"{n} {r[-1]:,.0f} a second" for n, r in rates.items())
                print(f"round {number + 1}: {latest}")
            measures |= {
                f"{name}, feedbacks a second": median(values) for name, values in rates.items()
            }
            together = zip(rates["through messages"], rates["bare engines"], strict=True)
            measures["messages / bare engines"] = median([one / other for one, other in together])
            measures |= app.count_outcomes()
            app.close()
    targets |= {
        "messages / bare engines": AtLeast(0.7),
        "publish to result, beyond the gathering, median ms": AtMost(150),
        "messages without a result": AtMost(0),
        "feedbacks labelled twice": AtMost(0),
    }
    report("messages", measures, targets)


@contextmanager
def run_bridge(running: ServiceProcess) -> Iterator[None]:
    """Run `chorus bridge`, which creates the topics and the subscription."""
    settings = {
        "CHORUS_SUBSCRIPTION": SUBSCRIPTION,
        "CHORUS_RESULTS_TOPIC": LABELS,
        "CHORUS_GATHER_MS": str(GATHERING_MS),
    }
    environment = {**child_environment(running.settings, running.broker), **settings}
    command = [sys.executable, "-m", "chorus", "bridge", "--create"]
    child = ChildProcess(
        "bridge", command, running.settings.run / "logs" / "bridge.log", environment
    )
    try:
        yield
    finally:
        child.stop(30.0)


def measure_light_load(app: "MainApp") -> dict[str, float]:
    """Return percentiles of the milliseconds from publication to result, one message at a time."""
    seconds = [
        app.label_one(f"Parcel {number} came late, but your driver was kind.")
        for number in range(SINGLE_MESSAGES)
    ]
    extra_ms = 1000 * np.array(seconds) - GATHERING_MS
    return {
        f"publish to result, beyond the gathering, {name} ms": float(
            np.percentile(extra_ms, percent)
        )
        for name, percent in (("median", 50.0), ("p99", 99.0))
    }


class MainApp:
    """A main application that publishes feedback and reads labels."""

    def __init__(self) -> None:
        from google.api_core.exceptions import NotFound
        from google.pubsub_v1 import PublisherClient, SubscriberClient

        self._publisher = _client(PublisherClient)
        self._subscriber = _client(SubscriberClient)
        self._results = "projects/bench/subscriptions/main-app"
        self._published: list[str] = []
        self._jobs: dict[str, set[str]] = defaultdict(set)  # id → jobs that labelled it
        self._repeated = 0
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                self._subscriber.get_subscription(subscription=SUBSCRIPTION)
                self._subscriber.create_subscription(name=self._results, topic=LABELS)
            except NotFound:  # the bridge has not created them yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def label(self, texts: Sequence[str]) -> float:
        """Publish texts and return the feedback a second, from first publication to last result."""
        ids = [f"{time.time_ns()}-{start}" for start in range(len(texts))]
        bodies = [
            json.dumps({"id": id_, "customer": ALL_MODELS, "text": text})
            for id_, text in zip(ids, texts, strict=True)
        ]
        started_at = time.perf_counter()
        for start in range(0, len(bodies), _MESSAGES_PER_REQUEST):
            self._publisher.publish(
                topic=FEEDBACK,
                messages=[
                    {"data": one.encode()} for one in bodies[start : start + _MESSAGES_PER_REQUEST]
                ],
            )
        self._published += ids
        missing_ids, deadline = set(ids), time.monotonic() + _TIMEOUT
        while missing_ids and time.monotonic() < deadline:
            missing_ids.difference_update(self._read())
        return len(texts) / (time.perf_counter() - started_at)

    def label_one(self, text: str) -> float:
        """Publish one text and return the seconds until its result."""
        return 1 / self.label([text])

    def _read(self) -> list[str]:
        """Pull results, acknowledge them, and return their ids."""
        response = self._subscriber.pull(
            subscription=self._results, max_messages=_MESSAGES_PER_REQUEST, timeout=_TIMEOUT
        )
        ids = []
        for received in response.received_messages:
            result = json.loads(received.message.data)
            self._repeated += result["job"] in self._jobs[result["id"]]
            self._jobs[result["id"]].add(result["job"])
            ids.append(result["id"])
        if ids:
            self._subscriber.acknowledge(
                subscription=self._results,
                ack_ids=[received.ack_id for received in response.received_messages],
            )
        return ids

    def count_outcomes(self) -> dict[str, float]:
        """Count missing, duplicate and repeated results of all published messages."""
        return {
            "messages without a result": sum(id_ not in self._jobs for id_ in self._published),
            "feedbacks labelled twice": sum(len(jobs) > 1 for jobs in self._jobs.values()),
            "results that came again": self._repeated,
        }

    def close(self) -> None:
        self._publisher.transport.close()
        self._subscriber.transport.close()


def _client(make: Any) -> Any:
    """Build a client without credentials, as Google's own clients do for an emulator."""
    import grpc

    channel = grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"])
    return make(transport=make.get_transport_class("grpc")(channel=channel))


if __name__ == "__main__":
    main()
