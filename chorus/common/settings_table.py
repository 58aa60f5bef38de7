"""Every setting: variable, type, default and meaning.

`chorus.common.settings.Settings` has a field for each entry, parsed by it; `chorus doctor`,
docs/settings.md and the environment of child processes are made from the table.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chorus.common.setting_types import (
    BROKER_URL,
    COUNT,
    DEVICE,
    FOLDER,
    MEGABYTES,
    PLACES,
    PRECISION,
    ROOT,
    SettingType,
    count,
    pubsub_name,
)

Environment = Mapping[str, str]


def _available_cores(_: Environment) -> str:
    """Return how many cores this process may use, which a container may have limited."""
    if hasattr(os, "sched_getaffinity"):
        return str(len(os.sched_getaffinity(0)))
    return str(os.cpu_count() or 1)


def _available_memory(_: Environment) -> str:
    """Return four fifths of the memory of this machine or its container, in megabytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max" where there is no limit
            total = min(total, int(Path(limit).read_text()))
    return str(total * 4 // 5 // 10**6)


def _run_folder(environment: Environment) -> str:
    """Return `run` below the root, or below .chorus where the root is in a bucket."""
    root = environment.get("CHORUS_HOME") or HOME.default
    return ".chorus/run" if "://" in root else f"{root}/run"


def _none(_: Environment) -> None:
    return None


@dataclass(frozen=True)
class Setting:
    """One environment variable; `field` is its field of Settings."""

    name: str
    type: SettingType[Any]
    default: str
    help: str
    # what is parsed where the variable is not set, where `default` only describes it
    when_unset: Callable[[Environment], str | None] | None = None
    for_bridge: bool = False  # needed by a bridge elsewhere, beside what every process needs

    @property
    def field(self) -> str:
        """The name without CHORUS_, in lower case: chunk_rows."""
        return self.name.removeprefix("CHORUS_").lower()

    def parse(self, environment: Environment) -> object:
        """Return the value in `environment`, or the default; None if it has none.

        An empty variable counts as not set. Raises BadSetting.
        """
        text: str | None = environment.get(self.name)
        if not text:
            text = self.default if self.when_unset is None else self.when_unset(environment)
        return None if text is None else self.type.read(self.name, text)


HOME = Setting("CHORUS_HOME", ROOT, "./.chorus", "root of all files")

SETTINGS = (
    HOME,
    Setting(
        "CHORUS_BROKER_URL",
        BROKER_URL,
        "an embedded one for each command",
        "broker that all processes share",
        _none,
    ),
    Setting(
        "CHORUS_RUN",
        FOLDER,
        "CHORUS_HOME/run, or ./.chorus/run where the root is a URL",
        "local folder for sockets, logs and compiled models",
        _run_folder,
    ),
    Setting(
        "CHORUS_ALLOWED_PLACES",
        PLACES,
        "any",
        "folders and buckets that a request may name",
        _none,
    ),
    Setting("CHORUS_CHUNK_ROWS", COUNT, "4096", "rows in a chunk of feedback"),
    Setting(
        "CHORUS_CORES",
        COUNT,
        "all of this machine",
        "cores that the scoring workers of this machine share",
        _available_cores,
    ),
    Setting(
        "CHORUS_MEMORY",
        MEGABYTES,
        "four fifths of its memory",
        "megabytes that the scoring workers of this machine share",
        _available_memory,
    ),
    Setting(
        "CHORUS_DEVICE",
        DEVICE,
        "auto",
        "where transformers compute; auto is a GPU if there is one",
    ),
    Setting(
        "CHORUS_PRECISION",
        PRECISION,
        "int8",
        "coarsest precision for transformers; int8 only if a model offers it",
    ),
    Setting(
        "CHORUS_SUBSCRIPTION",
        pubsub_name("subscriptions"),
        "no messages come in",
        "Pub/Sub subscription from which messages come",
        _none,
        for_bridge=True,
    ),
    Setting(
        "CHORUS_RESULTS_TOPIC",
        pubsub_name("topics"),
        "labels are not published",
        "Pub/Sub topic to which the labels of messages are published",
        _none,
        for_bridge=True,
    ),
    Setting(
        "CHORUS_DEAD_LETTER_TOPIC",
        pubsub_name("topics"),
        "CHORUS_HOME/rejected-messages",
        "Pub/Sub topic for messages that are no feedback",
        _none,
        for_bridge=True,
    ),
    Setting(
        "CHORUS_GATHER_ROWS",
        count(100_000),
        "1024",
        "most messages that are stored as one batch",
        for_bridge=True,
    ),
    Setting(
        "CHORUS_GATHER_MS",
        count(60_000),
        "200",
        "milliseconds that a message waits for others of its customer",
        for_bridge=True,
    ),
    Setting(
        "CHORUS_ONCE_HOURS",
        count(366 * 24),
        "24",
        "hours in which a message with the same id is not labelled again",
        for_bridge=True,
    ),
    Setting(
        "CHORUS_MAX_TEXT",
        COUNT,
        "20000",
        "longest text in characters; longer ones are rejected",
        for_bridge=True,
    ),
)


def markdown_table() -> str:
    """Return the table of docs/settings.md: one row for each setting."""
    lines = ["| setting | allowed | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{s.name}` | {s.type.expected} | {s.default} | {s.help} |" for s in SETTINGS]
    return "\n".join(lines) + "\n"
