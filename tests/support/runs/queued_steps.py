"""Steps run one by one from the queues of a real broker, which the reconciler can read."""

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


class WorkerDied(Exception):
    """The worker of a step died in the middle of it."""


def _die(_):
    raise WorkerDied


class QueuedSteps(Steps):
    """Steps whose queues are those of the broker."""

    def __init__(self, place, redis, broker, **others):
        super().__init__(place, redis, **others)
        self.context = replace(
            self.context, publish=make_publisher(make_app(broker, PREFIX), broker)
        )

    def waiting(self):
        """Return queue → its messages, sorted, so that they can be compared."""
        return {
            queue: sorted(map(str, queued_arguments(self.context.board, queue))) for queue in QUEUES
        }

    def take(self):
        """Take the next message of any queue, as its worker does; None if all are empty."""
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
        """Run a step until it publishes a message, and end there as if the worker had died."""
        context = self.context
        self.context = replace(context, publish=_die)
        with suppress(WorkerDied):
            self.run(message)
        self.context = context

    @staticmethod
    def _message(queue, fields):
        if queue == RESULTS_QUEUE:
            return PublishResults(**fields)
        if "model" in fields:
            return ScoreCell(**fields)
        return ReduceChunk(**fields) if "chunk" in fields else FinishJob(**fields)
