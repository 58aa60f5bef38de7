"""Steps run by hand from the queues of a real broker, where the reconciler sees what waits."""

from contextlib import suppress
from dataclasses import replace

from tasks.broker.celery_app import make_app, make_publisher
from tasks.broker.step_messages import (
    CONTROL_QUEUE,
    RESULTS_QUEUE,
    FinishJob,
    PublishResults,
    ReduceChunk,
    ScoreCell,
    scoring_queue,
)
from tasks.planning.dispatch import queued_arguments
from tests.support.runs.steps import PREFIX, Steps

QUEUES = (*map(scoring_queue, ("bow", "minilm")), CONTROL_QUEUE, RESULTS_QUEUE)


class Died(Exception):
    """In the middle of a step."""


def _die(_):
    raise Died


class Queued(Steps):
    """Steps whose queues are those of the broker, where the reconciler sees what waits."""

    def __init__(self, place, redis, broker, **others):
        super().__init__(place, redis, **others)
        self.context = replace(
            self.context, publish=make_publisher(make_app(broker, PREFIX), broker)
        )

    def waiting(self):
        """Queue → its messages, as a multiset that can be compared."""
        return {
            queue: sorted(map(str, queued_arguments(self.context.board, queue))) for queue in QUEUES
        }

    def take(self):
        """The next message of any queue, as its worker gets it; None if all are empty."""
        for queue in QUEUES:
            messages = queued_arguments(self.context.board, queue)
            if messages:
                self.context.board.redis.rpop(PREFIX + queue)
                return self._message(queue, messages[-1])
        return None

    def drain(self):
        while message := self.take():
            self.run(message)

    def die_of(self, message):
        """What a worker does that dies as soon as it has something to say."""
        whole = self.context
        self.context = replace(whole, publish=_die)
        with suppress(Died):
            self.run(message)
        self.context = whole

    @staticmethod
    def _message(queue, fields):
        if queue == RESULTS_QUEUE:
            return PublishResults(**fields)
        if "model" in fields:
            return ScoreCell(**fields)
        return ReduceChunk(**fields) if "chunk" in fields else FinishJob(**fields)
