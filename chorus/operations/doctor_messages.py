"""Doctor's checks of Pub/Sub: the topics and the subscription are usable, and a bridge runs."""

from collections.abc import Callable
from datetime import UTC, datetime

from redis.exceptions import RedisError

from chorus.common.settings import Settings
from chorus.service.connection import service_broker
from intake.messages.check import check_can_publish, check_can_pull
from intake.messages.client import check_installed
from storage.errors import ChorusError
from storage.places.place import Place
from tasks.board.board import Board
from tasks.board.bridge_roster import Bridge, BridgeRoster
from tasks.board.keys import key_prefix
from tasks.board.roster import Roster
from tasks.broker.broker_url import BrokerUnreachable


class BridgeUnhealthy(ChorusError):
    """A bridge that runs but cannot take messages in."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        since = f"{datetime.fromtimestamp(bridge.since, UTC):%Y-%m-%d %H:%M:%S} UTC"
        problem = (
            f"has waited since {since}" if bridge.state == "waiting" else "hands messages back"
        )
        super().__init__(f"{bridge.id} {problem}: {bridge.error}")


class NoBridge(ChorusError):
    """A service without a bridge for the subscription that is set."""

    def __init__(self, subscription: str) -> None:
        self.subscription = subscription
        super().__init__(
            f"A service runs, and no bridge takes messages in from {subscription}. Start "
            "`chorus up` where CHORUS_SUBSCRIPTION is set, or `chorus bridge`; if one was "
            "started, its log says why it ended."
        )


def message_checks(settings: Settings, place: Place) -> list[tuple[str, Callable[[], str]]]:
    """Return the checks with their names.

    Each check returns what it found, or raises a ChorusError that says what to do.
    """
    return [
        ("messages", lambda: _messages(settings.subscription, settings, place)),
        ("results", lambda: _topic(settings.results_topic)),
        ("dead letters", lambda: _topic(settings.dead_letter_topic)),
    ]


def _messages(subscription: str | None, settings: Settings, place: Place) -> str:
    if subscription is None:
        return "none"
    check_installed()
    bridges = _running_bridges(settings, place)
    matching = [bridge for bridge in bridges or () if bridge.subscription == subscription]
    for bridge in matching:
        if bridge.error:
            raise BridgeUnhealthy(bridge)
    topic = check_can_pull(subscription)
    if bridges is not None and not matching:
        raise NoBridge(subscription)
    service = "no service" if bridges is None else f"bridges: {len(matching)}"
    return f"{subscription}, of {topic}; {service}"


def _topic(name: str | None) -> str:
    if name is None:
        return "no topic"
    check_can_publish(name)
    return name


def _running_bridges(settings: Settings, place: Place) -> list[Bridge] | None:
    """Return the running service's bridges; None if no service runs or Redis is unreachable."""
    address = service_broker(settings)
    if address is None:
        return None
    try:
        address.check_answers()
        board = Board(address.client(), key_prefix(place))
        return BridgeRoster(board).all() if Roster(board).workers() else None
    except (BrokerUnreachable, RedisError):
        return None  # the check of the broker reports it
