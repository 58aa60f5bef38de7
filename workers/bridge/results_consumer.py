"""Whoever consumes the queue of results: it publishes what jobs have found, and ends them."""

from functools import partial

from celery import Celery

from tasks.board.context import Context
from tasks.broker.step_messages import PublishResults
from tasks.steps.publish_results import TopicOf, publish_results
from workers.runtime.run_step import handle


def register(app: Celery, context: Context, topic_of: TopicOf) -> None:
    """Teach the app to publish results; `topic_of` finds the topic of a full name."""

    @app.task(name=PublishResults.name)
    def _results(job: str) -> None:
        handle(context, partial(publish_results, context, topic_of), PublishResults(job))
