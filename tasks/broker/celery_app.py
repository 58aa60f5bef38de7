"""The Celery app: its settings, and publishing. workers/ registers the handlers of messages."""

from collections.abc import Callable
from dataclasses import asdict

from celery import Celery
from kombu.exceptions import OperationalError

from tasks.broker.broker_url import BrokerAddress, BrokerUnreachable
from tasks.broker.step_messages import StepMessage

Publish = Callable[[StepMessage], None]

_SETTINGS = {
    "task_ignore_result": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_heartbeat": 0,
    "task_create_missing_queues": True,
}


def make_app(address: BrokerAddress, prefix: str) -> Celery:
    """Return an app on this broker, without tasks; every key and queue begins with `prefix`."""
    app = Celery("chorus", set_as_current=False)
    app.conf.update(_SETTINGS)
    app.conf.update(address.celery_settings())
    # The visibility timeout, in seconds, is a backstop only: the reconciler queues lost messages
    # much earlier. It has to be the same in every process.
    app.conf.broker_transport_options |= {"global_keyprefix": prefix, "visibility_timeout": 3600}
    return app


def make_publisher(app: Celery, address: BrokerAddress) -> Publish:
    """Return a function that puts a message on its queue.

    It raises BrokerUnreachable when the broker does not answer for seconds.
    """

    def publish(message: StepMessage) -> None:
        try:
            app.send_task(
                message.name, kwargs=asdict(message), queue=message.queue, ignore_result=True
            )
        except OperationalError as error:
            raise BrokerUnreachable(address.without_password, str(error)) from error

    return publish
