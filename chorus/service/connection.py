"""The connection to a broker: of the service that runs, or an embedded one."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chorus.common.console import print_notice
from chorus.common.settings import Settings
from chorus.service.service_lock import running_broker
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.place import Place
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.keys import key_prefix
from tasks.broker.broker_url import BrokerAddress, BrokerUnreachable
from tasks.broker.celery_app import make_app, make_publisher
from workers.processes.embedded_broker import BrokerHandle, embedded_broker


class NoService(BadRequest):
    """No service runs that could take the request."""

    def __init__(self) -> None:
        super().__init__(
            "No service runs on this machine, and CHORUS_BROKER_URL is not set. Start one with "
            "`chorus up`, or set it to the broker of a service elsewhere, or use `chorus score`, "
            "which runs everything by itself."
        )


def service_broker(settings: Settings) -> BrokerAddress | None:
    """Return the configured broker, or that of the service on this machine; None without either.

    Raises BadBrokerUrl.
    """
    return settings.broker or running_broker(settings.run)


def board_of_service(settings: Settings, place: Place) -> Board | None:
    """Return the board of the service; None if none runs, or if its broker is unreachable.

    The latter is reported on standard error only: storage decides what is done.
    """
    address = service_broker(settings)
    if address is None:
        return None
    try:
        address.check_answers()
    except BrokerUnreachable as error:
        print_notice(f"chorus: {error}")
        return None
    return Board(address.client(), key_prefix(place))


@contextmanager
def broker_for(settings: Settings) -> Iterator[BrokerHandle]:
    """Yield the broker of the service, which was checked, or an embedded one for the block.

    Raises NoBroker, BrokerUnreachable, BadBrokerUrl.
    """
    address = service_broker(settings)
    if address is not None:
        address.check_answers()
        yield BrokerHandle(address)
        return
    settings.run.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="broker-", dir=settings.run) as folder,
        embedded_broker(Path(folder)) as broker,
    ):
        yield broker


def context_for(settings: Settings, broker: BrokerAddress) -> Context:
    """Return the context of steps on this root and this broker."""
    place = open_place(settings.home)
    prefix = key_prefix(place)
    return Context(
        place, Board(broker.client(), prefix), make_publisher(make_app(broker, prefix), broker)
    )
