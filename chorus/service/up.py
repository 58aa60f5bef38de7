"""`chorus up`: run the service on this machine until it is stopped."""

import logging
import signal
from contextlib import ExitStack, suppress
from threading import Event

from redis.exceptions import RedisError

from chorus.common.configuration import check_configuration
from chorus.common.settings import Settings
from chorus.logs.process_logs import log_as_service
from chorus.service.connection import broker_for, context_for
from chorus.service.machine_limits import limits_for_machine
from chorus.service.service import Service
from chorus.service.service_lock import announce_service
from intake.messages.client import check_installed
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest
from storage.places.open_place import open_place
from tasks.board.roster import Roster
from workers.config.all_tables import read_chorus_config
from workers.control.metrics_server import check_address_free, parse_listen_address
from workers.processes.embedded_broker import BrokerHandle

_TICK_SECONDS = 0.5

log = logging.getLogger(__name__)


class NothingToJoin(BadRequest):
    """`--join` was given without a broker."""

    def __init__(self) -> None:
        super().__init__(
            "CHORUS_BROKER_URL is not set, so there is no service to join. Set it to the broker "
            "that all machines share, or run `chorus up` without --join, which starts a broker of "
            "its own."
        )


def up(settings: Settings, *, join: bool, grace: float, metrics: str | None) -> None:
    """Serve until SIGTERM or SIGINT.

    `grace`: seconds that workers get to finish their steps; `metrics`: HOST:PORT at which metrics
    are served. Raises NothingToJoin, AlreadyRunning, NoBroker, BrokerUnreachable, BadConfigFile,
    BadListenAddress, NoGpu, CannotListen, PubSubNotInstalled.
    """
    if join and settings.broker is None:
        raise NothingToJoin
    if metrics is not None:
        parse_listen_address(metrics)
    # else only the logs of the control worker and of the bridge would report mistakes
    check_configuration(open_place(settings.home))
    if settings.needs_bridge:
        check_installed()
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log_as_service(settings)
    with ExitStack() as stack:
        broker = stack.enter_context(broker_for(settings))
        if settings.broker is None:
            stack.enter_context(announce_service(settings.run, broker.address))
        if metrics is not None:
            # else the control worker, which serves them, would end again and again
            check_address_free(*parse_listen_address(metrics))
        _serve(settings, broker, stopped, grace, metrics)


def _serve(
    settings: Settings, broker: BrokerHandle, stopped: Event, grace: float, metrics: str | None
) -> None:
    context = context_for(settings, broker.address)
    configured = read_chorus_config(context.place).limits
    limits, budget = limits_for_machine(context.place, settings, configured.for_model)
    warm = [
        model for model in ModelRegistry(context.place).names() if configured.for_model(model).min
    ]
    roster = Roster(context.board)
    service = Service(
        settings,
        broker,
        context,
        limits,
        budget,
        warm=warm,
        metrics=metrics,
        bridge=settings.needs_bridge,
    )
    megabytes = budget.memory // 10**6
    log.info(
        "up: broker %s, %s cores, %s MB for workers",
        broker.address.without_password,
        budget.cores,
        megabytes,
    )
    try:
        while not stopped.wait(_TICK_SECONDS):
            service.tick()
            with suppress(RedisError):
                roster.announce(budget.machine)
    finally:
        log.info("stopping: workers finish their steps")
        with suppress(RedisError):
            roster.withdraw(budget.machine)
        service.stop(grace)
