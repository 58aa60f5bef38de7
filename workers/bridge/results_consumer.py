"""The consumer of the results queue: publishes the labels of jobs, and ends the jobs."""

from functools import partial

from celery import Celery

from tasks.board.context import Context
from tasks.broker.step_messages import PublishResults
from tasks.steps.publish_results import OpenTopic, publish_results
from workers.runtime.run_step import run_step


def register(app: Celery, context: Context, open_topic: OpenTopic) -> None:
    """Register the step that publishes results; `open_topic` returns the topic of a full name."""

    @app.task(name=PublishResults.name)
    def _publish_results(job: str) -> None:
        run_step(context, partial(publish_results, context, open_topic), PublishResults(job))
