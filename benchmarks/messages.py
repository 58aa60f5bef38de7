"""10,000 messages through the bridge, a bag of words and a transformer, and the topic of results,
on one machine.

Sustained: from the first message published to the last result received, against the bare engines
over the same texts in one process with all cores: no queue, no storage, no messages. Light load:
one message at a time, from its publication to its result in the hands of a reader, less the time
that it is left to wait for others. The Pub/Sub server of the tests, Google's own clients, and the
reader run on the same cores. What was lost or labelled twice is counted.
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
from support.demo_models import TOGETHER, home_with, real_texts
from support.report import AtLeast, AtMost, Target, median, report
from support.service import Service, home
from throughput import BareLoop, precisions, warm_service

from chorus.common.settings import child_environment, from_environment
from workers.processes.child_process import ChildProcess

sys.path.append(str(Path(__file__).parent.parent))
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"  # as tests/conftest.py says

from tests.support.servers.pubsub_server import pubsub_process

MESSAGES = 10_000
ONE_BY_ONE = 200
WARM_UP = 20
ROUNDS = 3
GATHERING_MS = 200
MODELS = ("sentiment-bow", "sentiment-minilm")

SUBSCRIPTION = "projects/bench/subscriptions/feedback"
FEEDBACK = "projects/bench/topics/feedback"
LABELS = "projects/bench/topics/labels"
_PATIENCE = 300.0  # seconds
_AT_ONCE = 1000


def main() -> None:
    cores, texts = from_environment().cores, real_texts(MESSAGES)
    measures, targets = dict[str, float](), dict[str, Target]()
    with home() as root, pubsub_process() as server:
        os.environ["PUBSUB_EMULATOR_HOST"] = server.address
        place = home_with(root, *MODELS)
        precision = precisions(place, MODELS[1])[-1]
        bare = BareLoop(place, MODELS, cores, precision, texts)
        with warm_service(root, place, MODELS, cores, precision) as running, bridge(running):
            app = MainApp()
            app.label([f"{number}: warming up" for number in range(WARM_UP)])
            measures |= light(app)
            rates = defaultdict(list)
            for number in range(ROUNDS):
                shutil.rmtree(root / "scores")  # or the same texts would not be scored again
                rates["through messages"].append(app.label(texts))
                rates["bare engines"].append(bare.rate())
                print(
                    f"round {number + 1}: {', '.join(f'{n} {r[-1]:,.0f} a second' for n, r in rates.items())}"
                )
            measures |= {
                f"{name}, feedbacks a second": median(found) for name, found in rates.items()
            }
            together = zip(rates["through messages"], rates["bare engines"], strict=True)
            measures["messages / bare engines"] = median([one / other for one, other in together])
            measures |= app.account()
            app.close()
    targets |= {
        "messages / bare engines": AtLeast(0.7),
        "publish to result, beyond the gathering, median ms": AtMost(150),
        "messages without a result": AtMost(0),
        "feedbacks labelled twice": AtMost(0),
    }
    report("messages", measures, targets)


@contextmanager
def bridge(running: Service) -> Iterator[None]:
    """`chorus bridge`, with the topics and the subscription made."""
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


def light(app: "MainApp") -> dict[str, float]:
    """Milliseconds from publication to result, one message at a time."""
    seconds = [
        app.label_one(f"Parcel {number} came late, but your driver was kind.")
        for number in range(ONE_BY_ONE)
    ]
    beyond = 1000 * np.array(seconds) - GATHERING_MS
    return {
        f"publish to result, beyond the gathering, {name} ms": float(np.percentile(beyond, percent))
        for name, percent in (("median", 50.0), ("p99", 99.0))
    }


class MainApp:
    """Publishes feedback, and reads labels."""

    def __init__(self) -> None:
        from google.api_core.exceptions import NotFound
        from google.pubsub_v1 import PublisherClient, SubscriberClient

        self._publisher = _client(PublisherClient)
        self._subscriber = _client(SubscriberClient)
        self._results = "projects/bench/subscriptions/main-app"
        self._published: list[str] = []
        self._jobs: dict[str, set[str]] = defaultdict(set)  # id → the jobs that labelled it
        self._repeated = 0
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self._subscriber.get_subscription(subscription=SUBSCRIPTION)
                self._subscriber.create_subscription(name=self._results, topic=LABELS)
            except NotFound:  # the bridge is about to make them
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return

    def label(self, texts: Sequence[str]) -> float:
        """Feedbacks a second, from the first publication to the last result."""
        ids = [f"{time.time_ns()}-{at}" for at in range(len(texts))]
        bodies = [
            json.dumps({"id": id_, "customer": TOGETHER, "text": text})
            for id_, text in zip(ids, texts, strict=True)
        ]
        began = time.perf_counter()
        for at in range(0, len(bodies), _AT_ONCE):
            self._publisher.publish(
                topic=FEEDBACK,
                messages=[{"data": one.encode()} for one in bodies[at : at + _AT_ONCE]],
            )
        self._published += ids
        left, until = set(ids), time.monotonic() + _PATIENCE
        while left and time.monotonic() < until:
            left.difference_update(self._read())
        return len(texts) / (time.perf_counter() - began)

    def label_one(self, text: str) -> float:
        """Seconds."""
        return 1 / self.label([text])

    def _read(self) -> list[str]:
        """The ids of the results that are there, waited for a little."""
        answer = self._subscriber.pull(
            subscription=self._results, max_messages=_AT_ONCE, timeout=_PATIENCE
        )
        found = []
        for received in answer.received_messages:
            result = json.loads(received.message.data)
            self._repeated += result["job"] in self._jobs[result["id"]]
            self._jobs[result["id"]].add(result["job"])
            found.append(result["id"])
        if found:
            self._subscriber.acknowledge(
                subscription=self._results,
                ack_ids=[received.ack_id for received in answer.received_messages],
            )
        return found

    def account(self) -> dict[str, float]:
        """What became of all that was published."""
        return {
            "messages without a result": sum(id_ not in self._jobs for id_ in self._published),
            "feedbacks labelled twice": sum(len(jobs) > 1 for jobs in self._jobs.values()),
            "results that came again": self._repeated,
        }

    def close(self) -> None:
        self._publisher.transport.close()
        self._subscriber.transport.close()


def _client(make: Any) -> Any:
    """Without credentials, as Google's own clients do it for an emulator."""
    import grpc

    channel = grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"])
    return make(transport=make.get_transport_class("grpc")(channel=channel))


if __name__ == "__main__":
    main()
