"""Every setting: variable, type, default and meaning.

`chorus.common.settings.Settings` has a field for each entry, parsed by it; `chorus doctor`,
docs/settings.md and the environment of child processes are made from the table.
"""

import os
from contextlib import suppress
from pathlib import Path

from chorus.common.intake_settings import INTAKE_SETTINGS
from chorus.common.setting import Environment, Setting
from chorus.common.setting_types import (
    BROKER_URL,
    COUNT,
    DEVICE,
    FOLDER,
    LOG_FORM,
    MEGABYTES,
    PLACES,
    PRECISION,
    ROOT,
    count,
    pubsub_name,
)


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
    *INTAKE_SETTINGS,
    Setting("CHORUS_LOG", LOG_FORM, "text", "log lines for people, or as JSON objects"),
)


def markdown_table() -> str:
    """Return the table of docs/settings.md: one row for each setting."""
    lines = ["| setting | allowed | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{s.name}` | {s.type.expected} | {s.default} | {s.help} |" for s in SETTINGS]
    return "\n".join(lines) + "\n"
