"""Publish a job's labels to its topic, one message for each feedback, and then end the job.

Delivery is at least once: after a crash the results are published again, with the same ids and
bytes, from the first part that the board does not count as published.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from intake.messages.topic import OutgoingMessage, TopicUnavailable
from storage.records.jobs import Job, read_end
from storage.records.labelled_output import Part, read_manifest
from storage.tables import decode_parquet
from tasks.board.context import Context
from tasks.board.publish_progress import (
    count_refusal,
    mark_topic_refused,
    published_parts,
    set_published_parts,
    topic_refusal,
)
from tasks.broker.step_messages import PublishResults
from tasks.planning.reconcile_job import reconcile
from tasks.planning.record_cache import ensemble_of, job_of
from tasks.steps.finish import end_published_job
from tasks.steps.result_format import columns_to_read, labelled_messages, rejected_messages

_MESSAGES_AT_ONCE = 1000  # messages built at once; the topic splits them into requests

log = logging.getLogger(__name__)


class ResultsRefused(Exception):
    """An attempt at a part of a job's results that failed, because its topic is unavailable."""

    def __init__(self, job: str, attempt: int, reason: str) -> None:
        self.job, self.attempt = job, attempt
        super().__init__(f"the results of job {job}, attempt {attempt}: {reason}")


class ResultTopic(Protocol):
    """A topic for messages: intake.messages.topic.Topic."""

    def publish(self, messages: Sequence[OutgoingMessage]) -> None:
        """Publish all messages and wait until the topic has them. Raises TopicUnavailable."""
        ...


OpenTopic = Callable[[str], ResultTopic]


def publish_results(context: Context, open_topic: OpenTopic, message: PublishResults) -> None:
    """Publish the parts one by one, from the first that the board does not count; end the job.

    `open_topic`: returns the topic of a full name. A job that is cancelled meanwhile stops after
    the current part. One that has lost a file is completed first. Raises ResultsRefused,
    MessageRefused, PubSubNotInstalled.
    """
    job = job_of(context.place, message.job)
    end = read_end(context.place, job.id)
    if end is not None:  # the board may not know it
        context.board.mark_ended(job.id, end.status, end.error)
        return
    manifest = read_manifest(job.output)
    if manifest is None or job.results is None:
        reconcile(context, job.id)
        return
    parts = [*manifest.parts, *manifest.rejected_parts]
    reason = topic_refusal(context.board, job.results)
    if reason is not None:
        raise ResultsRefused(job.id, count_refusal(context.board, job.id, reason), reason)
    try:
        for number in range(published_parts(context.board, job.id) or 0, len(parts)):
            if context.board.is_stopped(job.id):
                return
            _publish(context, job, open_topic(job.results), parts[number])
            set_published_parts(context.board, job.id, number + 1)
            log.info("published %d of %d parts", number + 1, len(parts), extra={"job": job.id})
    except TopicUnavailable as error:
        mark_topic_refused(context.board, job.results, str(error))
        raise ResultsRefused(
            job.id, count_refusal(context.board, job.id, str(error)), error.reason
        ) from error
    end_published_job(context, job)


def _publish(context: Context, job: Job, topic: ResultTopic, part: Part) -> None:
    """Publish all rows of a part."""
    data = job.output.read(part.name)
    if part.name.startswith("_"):
        rows = decode_parquet(data, ["id", "reason", "detail"])
        for first in range(0, len(rows), _MESSAGES_AT_ONCE):
            topic.publish(
                rejected_messages(job, part.name, rows.slice(first, _MESSAGES_AT_ONCE), first)
            )
        return
    targets = ensemble_of(context.place, job).targets
    rows = decode_parquet(data, columns_to_read(targets))
    for first in range(0, len(rows), _MESSAGES_AT_ONCE):
        topic.publish(
            labelled_messages(job, targets, part.name, rows.slice(first, _MESSAGES_AT_ONCE), first)
        )
