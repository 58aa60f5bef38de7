"""The broker's address: one URL for Celery and for the board."""

import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from redis import Redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from storage.errors import BadRequest, ChorusError

# In seconds. Without a timeout a process would wait for ever for a broker that vanished without
# closing its connections; 15 seconds are enough for a slow one.
_SOCKET: dict[str, Any] = {
    "socket_timeout": 15,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 5,
}
_SENTINEL_PORT = 26379


def _sentinel_options() -> dict[str, Any]:
    """Return the options for a sentinel; one that does not answer is skipped."""
    return {"socket_timeout": 5, "socket_connect_timeout": 2, "retry": Retry(NoBackoff(), 0)}


class BadBrokerUrl(BadRequest):
    """A broker URL that cannot be used."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"CHORUS_BROKER_URL {reason}. Use redis://host:6379/0, rediss://… (TLS) or "
            "sentinel://host:26379/0?master_name=NAME (more hosts after commas), or unset it for "
            "the embedded broker."
        )


class BrokerUnreachable(ChorusError):
    """A broker that does not answer."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        super().__init__(
            f"The broker at {where} does not answer ({reason}). Start it, or correct "
            "CHORUS_BROKER_URL, or unset it to use the embedded broker. Nothing was lost: run the "
            "same command again."
        )


@dataclass(frozen=True)
class BrokerAddress:
    """The address of a broker that Celery and the board both reach.

    `url` has one of the schemes redis, rediss, redis+socket, sentinel.
    """

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("redis", "rediss", "redis+socket", "sentinel"):
            raise BadBrokerUrl(f"begins with {parts.scheme or 'no scheme'!r}")
        try:
            hosts = self.hosts
        except ValueError:
            raise BadBrokerUrl("has a port that is not a number") from None
        if parts.scheme == "sentinel" and not parse_qs(parts.query).get("master_name"):
            raise BadBrokerUrl("names sentinels but no master_name")
        if parts.scheme != "sentinel" and len(hosts) > 1:
            raise BadBrokerUrl("names several hosts")

    @property
    def hosts(self) -> tuple[tuple[str, int | None], ...]:
        """Host and port of each named host. Raises ValueError for a port that is not a number."""
        netloc = urlsplit(self.url).netloc.rsplit("@", 1)[-1]
        hosts = [urlsplit(f"//{host}") for host in netloc.split(",")]
        return tuple((host.hostname or "", host.port) for host in hosts)

    @property
    def without_password(self) -> str:
        """URL without its password, for people and logs."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rsplit("@", 1)[-1], parts.path, "", ""))

    def celery_settings(self) -> dict[str, Any]:
        """Return `broker_url` and the settings that belong to it."""
        parts = urlsplit(self.url)
        options: dict[str, Any] = dict(_SOCKET)
        settings: dict[str, Any] = {"broker_url": self.url, "broker_transport_options": options}
        if parts.scheme == "rediss" and "ssl_" not in parts.query:
            # else Celery would not verify the certificate
            settings["broker_use_ssl"] = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
        if parts.scheme == "sentinel":
            options["sentinel_kwargs"] = _sentinel_options()
            options["master_name"] = parse_qs(parts.query)["master_name"][0]
            login = f"{parts.netloc.rsplit('@', 1)[0]}@" if "@" in parts.netloc else ""
            settings["broker_url"] = ";".join(
                f"sentinel://{login}{host}:{port or _SENTINEL_PORT}{parts.path}"
                for host, port in self.hosts
            )
        return settings

    def client(self, retries: int = 6) -> Redis:
        """Return a client for the board.

        It retries a broken connection `retries` times: 6 times within about 5 seconds.
        """
        parts = urlsplit(self.url)
        options: dict[str, Any] = {
            **_SOCKET,
            "retry": Retry(ExponentialBackoff(cap=2, base=0.1), retries),
            "retry_on_error": [RedisConnectionError, RedisTimeoutError],
        }
        if parts.scheme == "redis+socket":
            return Redis(unix_socket_path=parts.path, **(options | {"socket_keepalive": None}))
        if parts.scheme == "sentinel":
            hosts = [(host, port or _SENTINEL_PORT) for host, port in self.hosts]
            sentinel = Sentinel(hosts, sentinel_kwargs=_sentinel_options())  # type: ignore[no-untyped-call]  # redis has no type here
            database = int(parts.path.strip("/") or 0)
            client: Redis = sentinel.master_for(  # type: ignore[no-untyped-call]  # nor here
                parse_qs(parts.query)["master_name"][0],
                db=database,
                username=parts.username or None,
                password=parts.password,
                **options,
            )
            return client
        return Redis.from_url(self.url, **options)

    def check_answers(self) -> None:
        """Raise BrokerUnreachable unless the broker answers within 5 seconds."""
        client = self.client(retries=0)
        try:
            client.ping()
        except (RedisError, MasterNotFoundError, OSError) as error:
            raise BrokerUnreachable(self.without_password, str(error)) from None
        finally:
            client.close()
