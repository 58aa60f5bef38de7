"""`chorus up`: the whole service on this machine, until it is told to stop."""

import logging
import signal
from contextlib import ExitStack, suppress
from threading import Event

from redis.exceptions import RedisError

from chorus.common.logs import log_to_stderr
from chorus.common.settings import Settings
from chorus.service.connection import broker_for, context_for
from chorus.service.service import Service, limits_for_machine
from chorus.service.service_lock import announce_service
from intake.messages.client import check_installed
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest
from tasks.board.roster import Roster
from workers.config.limits_file import read_limits
from workers.config.schedule_file import read_schedules
from workers.control.metrics_server import check_address_free, parse_listen_address

_LOOK_EVERY = 0.5  # seconds

log = logging.getLogger(__name__)


class NothingToJoin(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "CHORUS_BROKER_URL is not set, so there is no service to join. Set it to the broker that all machines "
            "share, or run `chorus up` without --join, which brings a broker of its own."
        )


def up(settings: Settings, *, join: bool, grace: float, metrics: str | None) -> None:
    """Serve until SIGTERM or SIGINT.

    `grace`: seconds that workers get to end what they have in work; `metrics`: HOST:PORT at which
    to serve them. Raises NothingToJoin, AlreadyRunning, NoBroker, BrokerUnreachable, BadChorusToml,
    BadAddress, NoGpu, CannotListen, PubSubNotInstalled.
    """
    if join and settings.broker is None:
        raise NothingToJoin
    if metrics is not None:
        parse_listen_address(metrics)
    if settings.needs_bridge:
        check_installed()  # or only the log of the bridge would say it
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log_to_stderr()
    with ExitStack() as stack:
        broker = stack.enter_context(broker_for(settings))
        if settings.broker is None:
            stack.enter_context(announce_service(settings.run, broker.address))
        if metrics is not None:
            # or the control worker, which serves them, would end again and again
            check_address_free(*parse_listen_address(metrics))
        context = context_for(settings, broker.address)
        file = read_limits(context.place)
        # or only the log of the control worker would say what is wrong with them
        read_schedules(context.place)
        limits, budget = limits_for_machine(context.place, settings, file.of)
        warm = [model for model in ModelRegistry(context.place).names() if file.of(model).min]
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
            while not stopped.wait(_LOOK_EVERY):
                service.tick()
                with suppress(RedisError):
                    roster.announce(budget.machine)
        finally:
            log.info("stopping: workers end what they have in work")
            with suppress(RedisError):
                roster.withdraw(budget.machine)
            service.stop(grace)
