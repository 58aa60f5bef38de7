"""`chorus bridge`: take in messages from Pub/Sub and publish results, until stopped."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from time import monotonic
from uuid import uuid4

from chorus.common.settings import Settings
from chorus.logs.process_logs import log_as_worker
from chorus.service.connection import context_for, service_broker
from chorus.service.worker import describe_process
from ensemble.customers import read_customers
from intake.messages.batcher import Batcher
from intake.messages.dead_letters import DeadLetters
from intake.messages.setup import create_resources, full_topic_name
from intake.messages.subscription import Subscription
from intake.messages.topic import Topics, check_topic_name
from storage.errors import BadRequest
from storage.names import is_name
from storage.places.place import Place
from storage.records import feedback
from tasks.board.bridge_roster import BridgeRoster
from tasks.board.context import Context
from tasks.board.keys import key_prefix
from tasks.board.leases import WorkerSession
from tasks.board.message_dedup import MessageDedup
from tasks.broker.celery_app import make_app
from workers.bridge import bridge_worker
from workers.bridge.batch_writer import BatchWriter
from workers.bridge.bridge_status import BridgeStatus
from workers.bridge.pull_loop import PullLoop

_MAX_MESSAGES = 10_000  # received and not yet acknowledged
_MAX_BYTES = 50 << 20  # of these; four times as much in memory where a text holds an emoji
_CUSTOMERS_SECONDS = 5.0  # for which the list of customers is not read again

log = logging.getLogger(__name__)


class NothingToBridge(BadRequest):
    """Neither a subscription nor a results topic is set."""

    def __init__(self) -> None:
        super().__init__(
            "Neither CHORUS_SUBSCRIPTION nor CHORUS_RESULTS_TOPIC is set: there is nothing to "
            "bridge. Set the first to where messages come from, as in "
            "projects/my-project/subscriptions/feedback."
        )


class NoServiceToBridge(BadRequest):
    """No service runs that could label the messages."""

    def __init__(self) -> None:
        super().__init__(
            "No service runs on this machine, and CHORUS_BROKER_URL is not set. Start `chorus up`, "
            "which starts a bridge of its own, or set it to the broker of the service that is to "
            "label the messages."
        )


def run_bridge(settings: Settings, identity: str | None = None) -> int:
    """Run until stopped, and return the exit status. `identity`: its name on the board.

    Raises NothingToBridge, NoServiceToBridge, BrokerUnreachable, BadConfigFile, PubSubNotInstalled,
    PullStopped.
    """
    if not settings.needs_bridge:
        raise NothingToBridge
    broker = service_broker(settings)
    if broker is None:
        raise NoServiceToBridge
    broker.check_answers()
    name = identity or f"bridge-{uuid4().hex[:8]}"
    log_as_worker(settings, "bridge", name)
    context = context_for(settings, broker)
    if identity is None:
        # A service restarts its bridge, which releases messages until the file is corrected.
        read_customers(context.place)
    app = make_app(broker, key_prefix(context.place))
    process = describe_process(context, settings, None, None, name)
    session = WorkerSession(context.board, process)
    with ExitStack() as stack:
        topics = stack.enter_context(Topics())
        pull_loop = _pull_loop(settings, context, topics, name)
        return bridge_worker.run_bridge(
            app, replace(context, session=session), pull_loop, topics, settings.run
        )


def create_missing_resources(
    settings: Settings, topic: str | None, *, exactly_once: bool
) -> Iterator[str]:
    """Create the missing topics and the subscription of the settings, and yield a line for each.

    Raises NothingToBridge, BadTopic, PubSubNotCreated, PubSubNotInstalled.
    """
    if settings.subscription is None:
        raise NothingToBridge
    source = full_topic_name(settings.subscription, topic)
    check_topic_name(source)
    topics = [source, settings.results_topic, settings.dead_letter_topic]
    needed = [name for name in topics if name is not None]
    return create_resources(needed, settings.subscription, source, exactly_once=exactly_once)


def _pull_loop(
    settings: Settings, context: Context, topics: Topics, identity: str
) -> PullLoop | None:
    if settings.subscription is None:
        return None
    dead_letters = (
        None if settings.dead_letter_topic is None else topics.topic(settings.dead_letter_topic)
    )
    dedup = MessageDedup(context.place, context.board, settings.once_hours * 3600)
    return PullLoop(
        BridgeStatus(identity, settings.subscription, BridgeRoster(context.board)),
        Subscription(
            settings.subscription, max(_MAX_MESSAGES, 2 * settings.gather_rows), _MAX_BYTES
        ),
        customer_check(context.place),
        BatchWriter(
            context,
            dedup,
            DeadLetters(context.place, dead_letters),
            results=settings.results_topic,
            max_chars=settings.max_text,
        ),
        Batcher(settings.gather_rows, settings.gather_ms / 1000),
    )


def customer_check(place: Place, clock: Callable[[], float] = monotonic) -> Callable[[str], bool]:
    """Return a function that tells whether a customer of this name exists.

    Customers are `default`, those in customers.toml, and those with stored feedback. They are read
    again for an unknown name, at most every five seconds. The function raises what reading raises.
    """
    customers: set[str] = set()
    read_at = float("-inf")

    def is_customer(name: str) -> bool:
        nonlocal customers, read_at
        if name not in customers and is_name(name) and clock() - read_at > _CUSTOMERS_SECONDS:
            customers = {"default", *read_customers(place).ensembles, *feedback.customers(place)}
            read_at = clock()
        return name in customers

    return is_customer
