"""The settings of this process: the only reader of the environment."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from models.interface.compute import Compute
from models.interface.device import AUTO, PATTERN
from models.interface.precision import Precision
from storage.errors import BadRequest
from storage.places.allowlist import NoLocation, allowed, allowed_with_all, located
from tasks.broker.broker_url import BrokerAddress


class BadSetting(BadRequest):
    def __init__(self, name: str, value: str, expected: str) -> None:
        self.name, self.value = name, value
        super().__init__(f"{name} is {value!r}; expected {expected}.")


@dataclass(frozen=True)
class Setting:
    """One environment variable, for `chorus doctor` and the documentation."""

    name: str
    meaning: str
    default: str


SETTINGS = (
    Setting("CHORUS_HOME", "root of all files: a local path, gs://… or s3://…", "./.chorus"),
    Setting(
        "CHORUS_BROKER_URL",
        "redis://, rediss:// or sentinel:// broker",
        "an embedded one for each command",
    ),
    Setting(
        "CHORUS_RUN",
        "local folder for sockets, logs and compiled models",
        "CHORUS_HOME/run, if that is local",
    ),
    Setting(
        "CHORUS_ALLOWED_PLACES",
        "folders and buckets that a request may name: /srv/in,gs://b/in",
        "any at all",
    ),
    Setting("CHORUS_CHUNK_ROWS", "rows in a chunk of feedback", "4096"),
    Setting("CHORUS_MAX_TEXT", "longest text in characters; longer ones are rejected", "20000"),
    Setting(
        "CHORUS_CORES",
        "cores that the scoring workers of this machine share",
        "all of this machine",
    ),
    Setting(
        "CHORUS_MEMORY",
        "megabytes that the scoring workers of this machine share",
        "four fifths of its memory",
    ),
    Setting(
        "CHORUS_SUBSCRIPTION", "where messages come from: projects/P/subscriptions/S", "no messages"
    ),
    Setting(
        "CHORUS_RESULTS_TOPIC",
        "that hears of the labels of messages: projects/P/topics/T",
        "nobody hears of them",
    ),
    Setting(
        "CHORUS_DEAD_LETTER_TOPIC",
        "for messages that are no feedback",
        "CHORUS_HOME/rejected-messages",
    ),
    Setting("CHORUS_GATHER_ROWS", "most messages that are stored as one batch", "1024"),
    Setting(
        "CHORUS_GATHER_MS", "milliseconds that a message waits for others of its customer", "200"
    ),
    Setting(
        "CHORUS_ONCE_HOURS", "hours in which a message with the same id is not labelled again", "24"
    ),
    Setting(
        "CHORUS_DEVICE",
        "where transformers compute: cpu, cuda, cuda:N",
        "auto: a GPU if there is one",
    ),
    Setting(
        "CHORUS_PRECISION",
        "coarsest for transformers: float32, bfloat16 or int8",
        "int8, if a model offers it",
    ),
)


@dataclass(frozen=True)
class Settings:
    """Built once, at the edge, and passed down."""

    home: str
    broker_url: str | None
    run: Path
    chunk_rows: int
    max_text: int
    cores: int
    memory: int  # bytes
    device: str
    precision: Precision
    subscription: str | None
    results_topic: str | None
    dead_letter_topic: str | None
    gather_rows: int
    gather_ms: int
    once_hours: int
    allowed: tuple[str, ...] | None = None  # places that a request may name; None: any

    def named(self, url: str) -> str:
        """The file or folder that a request names, as it is to be used. Raises NotAllowed.

        What nobody named, such as the place for labels below CHORUS_HOME, does not go through here.
        """
        return allowed(url, self.allowed)

    def named_path(self, path: Path) -> Path:
        """The same for a local one, with all that lies in it."""
        return path if self.allowed is None else Path(allowed_with_all(str(path), self.allowed))

    @property
    def broker(self) -> BrokerAddress | None:
        """The configured broker; None means an embedded one. Raises BadBrokerUrl."""
        return BrokerAddress(self.broker_url) if self.broker_url else None

    @property
    def bridged(self) -> bool:
        """Whether messages come in, or results go out."""
        return self.subscription is not None or self.results_topic is not None

    def compute(self, threads: int | None = None) -> Compute:
        """What a model of this machine may compute with; `threads`: all its cores by default."""
        return Compute(self.device, threads or self.cores, self.precision, self.run / "compiled")


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises BadSetting."""
    home = environment.get("CHORUS_HOME") or ".chorus"
    remote = "://" in home
    if not remote:
        home = str(Path(home).expanduser().absolute())
    run = environment.get("CHORUS_RUN") or (".chorus/run" if remote else f"{home}/run")
    return Settings(
        home=home,
        broker_url=environment.get("CHORUS_BROKER_URL") or None,
        run=Path(run).expanduser().absolute(),
        chunk_rows=_count(environment, "CHORUS_CHUNK_ROWS", 4096),
        max_text=_count(environment, "CHORUS_MAX_TEXT", 20_000),
        cores=_count(environment, "CHORUS_CORES", _cores()),
        memory=_count(environment, "CHORUS_MEMORY", _memory() // 10**6) * 10**6,
        device=device(environment.get("CHORUS_DEVICE") or AUTO, "CHORUS_DEVICE"),
        precision=_precision(environment),
        subscription=_named(environment, "CHORUS_SUBSCRIPTION", "subscriptions"),
        results_topic=_named(environment, "CHORUS_RESULTS_TOPIC", "topics"),
        dead_letter_topic=_named(environment, "CHORUS_DEAD_LETTER_TOPIC", "topics"),
        gather_rows=_count(environment, "CHORUS_GATHER_ROWS", 1024, most=100_000),
        gather_ms=_count(environment, "CHORUS_GATHER_MS", 200, most=60_000),
        once_hours=_count(environment, "CHORUS_ONCE_HOURS", 24, most=366 * 24),
        allowed=_allowed(environment),
    )


def for_children(settings: Settings, broker: BrokerAddress) -> dict[str, str]:
    """The environment of a process that works for this one."""
    return {
        **os.environ,
        "CHORUS_HOME": settings.home,
        "CHORUS_RUN": str(settings.run),
        "CHORUS_BROKER_URL": broker.url,
        "CHORUS_CORES": str(settings.cores),
        "CHORUS_MEMORY": str(settings.memory // 10**6),
        "CHORUS_DEVICE": settings.device,
        "CHORUS_PRECISION": settings.precision,
    }


def for_bridge(settings: Settings) -> dict[str, str]:
    """The variables of a bridge elsewhere, beside those that every process has; none where nothing
    is bridged.
    """
    if not settings.bridged:
        return {}
    found = {
        "CHORUS_SUBSCRIPTION": settings.subscription,
        "CHORUS_RESULTS_TOPIC": settings.results_topic,
        "CHORUS_DEAD_LETTER_TOPIC": settings.dead_letter_topic,
        "CHORUS_GATHER_ROWS": str(settings.gather_rows),
        "CHORUS_GATHER_MS": str(settings.gather_ms),
        "CHORUS_ONCE_HOURS": str(settings.once_hours),
        "CHORUS_MAX_TEXT": str(settings.max_text),
    }
    return {name: value for name, value in found.items() if value is not None}


def device(value: str, name: str) -> str:
    """The value, if it is one that `name` (a variable or an option) may have. Raises BadSetting."""
    if not PATTERN.fullmatch(value):
        raise BadSetting(name, value, "auto, cpu, cuda, or one of several GPUs: cuda:0, cuda:1, …")
    return value


def _count(environment: Mapping[str, str], name: str, default: int, most: int | None = None) -> int:
    value = environment.get(name)
    if not value:
        return default
    if not value.isdecimal() or int(value) < 1:
        raise BadSetting(name, value, "a whole number above 0")
    if most is not None and int(value) > most:
        raise BadSetting(name, value, f"a whole number up to {most}")
    return int(value)


def _named(environment: Mapping[str, str], name: str, kind: str) -> str | None:
    """The full name of something of Pub/Sub, None where it is not set."""
    value = environment.get(name) or None
    if value is not None and not re.fullmatch(
        rf"projects/[^/\s]+/{kind}/[A-Za-z][A-Za-z0-9._~+%-]{{2,254}}", value
    ):
        raise BadSetting(
            name,
            value,
            f"a full name, as in projects/my-project/{kind}/feedback; the last word has 3 to 255 "
            "letters, digits and -._~+%, a letter first",
        )
    return value


def _precision(environment: Mapping[str, str]) -> Precision:
    value = environment.get("CHORUS_PRECISION") or "int8"
    if value not in get_args(Precision):
        raise BadSetting("CHORUS_PRECISION", value, f"one of {', '.join(get_args(Precision))}")
    return cast("Precision", value)


def _allowed(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """Each by its one name, so that errors show what counts."""
    value = environment.get("CHORUS_ALLOWED_PLACES")
    if not value:
        return None
    name, expected = (
        "CHORUS_ALLOWED_PLACES",
        "folders and buckets (/srv/in, gs://bucket/in), commas or spaces between",
    )
    try:
        places = tuple(located(place).url for place in value.replace(",", " ").split())
    except NoLocation as error:
        raise BadSetting(name, value, f"{expected}; of one of these, {error}") from None
    if not places:
        raise BadSetting(name, value, expected)
    return places


def _cores() -> int:
    """The cores this process may use, which a container may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int:
    """Bytes: four fifths of the machine's memory, or of what its container may use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max" where there is none
            total = min(total, int(Path(limit).read_text()))
    return total * 4 // 5
