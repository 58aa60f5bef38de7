"""`chorus up`: the whole service on this machine, until it is told to stop."""

import logging
import signal
from contextlib import ExitStack, suppress
from threading import Event

from redis.exceptions import RedisError

from chorus.local import broker_for, context_for
from chorus.logs import log_to_stderr
from chorus.running import announced
from chorus.service import Service, for_this_machine
from chorus.settings import Settings
from storage.errors import BadRequest
from tasks.roster import Roster

_LOOK_EVERY = 0.5  # seconds

log = logging.getLogger(__name__)


def read_limits(place):  # replaced by the limits branch
    from workers.limits import Limits

    return lambda model: Limits(keep_warm=10.0)


class NothingToJoin(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "CHORUS_BROKER_URL is not set, so there is no service to join. Set it to the broker that all machines "
            "share, or run `chorus up` without --join, which brings a broker of its own."
        )


def up(settings: Settings, *, join: bool, grace: float) -> None:
    """Serve until SIGTERM or SIGINT. Raises NothingToJoin, AlreadyRunning, NoBroker, BrokerUnreachable."""
    if join and settings.broker is None:
        raise NothingToJoin
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log_to_stderr()
    with ExitStack() as stack:
        broker = stack.enter_context(broker_for(settings))
        if settings.broker is None:
            stack.enter_context(announced(settings.run, broker.address))
        context = context_for(settings, broker.address)
        limits, budget = for_this_machine(context.place, settings, read_limits(context.place))
        roster = Roster(context.board)
        service = Service(settings, broker, context, limits, budget)
        megabytes = budget.memory // 10**6
        log.info("up: broker %s, %s cores, %s MB for workers", broker.address.shown, budget.cores, megabytes)
        try:
            while not stopped.wait(_LOOK_EVERY):
                service.look()
                with suppress(RedisError):
                    roster.announce(budget.machine)
        finally:
            log.info("stopping: workers end what they have in work")
            with suppress(RedisError):
                roster.withdraw(budget.machine)
            service.stop(grace)
