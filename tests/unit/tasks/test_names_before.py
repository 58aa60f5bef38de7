"""Names that a root, a broker or a script of the version before holds still exist.

Adding a key, a setting or a command is free. Changing or removing one breaks an installation while
it is updated.
"""

from dataclasses import fields

import click
import pytest

from chorus.cli import main
from chorus.common.settings_table import SETTINGS
from tasks.board.keys import BOARD_KEYS, KOMBU_KEYS
from tasks.broker import step_messages
from tests.support.repository import REPOSITORY
from tests.support.root_before import (
    BROKER,
    EXPECTED,
    key_of,
    queued_messages,
    unacknowledged_messages,
)
from tests.support.runs.command import Command

KEYS_BEFORE = {
    "epoch": "string",
    "running": "hash",
    "served": "hash",
    "job:<job>": "hash",
    "job:<job>:first": "hash",
    "job:<job>:parts": "string",
    "job:<job>:scored:<model>": "string",
    "job:<job>:asked:<model>": "string",
    "out:<model>": "set",
    "out:<model>:short": "set",
    "want:<model>": "zset",
    "want:<model>:<lane>": "zset",
    "hold:<model>": "string",
    "each:<model>": "string",
    "lease:<step>": "string",
    "worker:<id>": "hash",
    "roster": "zset",
    "roster:<model>": "zset",
    "machines": "zset",
    "scaling": "string",
    "measured:<model>": "hash",
    "attempts:<model>:<version>": "hash",
    "bridge:<id>": "hash",
    "bridges": "zset",
    "arrivals": "hash",
    "refused:<topic>": "string",
    "once:remembering": "string",
    "once:whole": "string",
    "once:<customer>:<hash>": "string",
    "claimed:<customer>:<batch>": "string",
    "score.<model>": "list",
    "control": "list",
    "results": "list",
}
TASKS_BEFORE = {  # name → arguments
    "chorus.score": {"job", "chunk", "model", "version"},
    "chorus.reduce": {"job", "chunk"},
    "chorus.finish": {"job"},
    "chorus.results": {"job"},
    "chorus.look": {"schedule"},
}


def test_every_key_of_the_version_before_is_in_the_table_with_its_type():
    table = {key.pattern: key.type for key in (*BOARD_KEYS, *KOMBU_KEYS)}
    assert table | KEYS_BEFORE == table


@pytest.mark.parametrize("entry", BROKER, ids=key_of)
def test_a_key_of_the_old_broker_is_of_one_kind_and_has_its_type(entry):
    kinds = [kind for kind in (*BOARD_KEYS, *KOMBU_KEYS) if kind.matches(key_of(entry))]
    assert [kind.type for kind in kinds] == [entry["type"]]


def message_types():
    return [
        each
        for each in vars(step_messages).values()
        if isinstance(each, type) and hasattr(each, "step")
    ]


def test_celery_tasks_keep_their_names_and_their_arguments():
    today = {each.name: {field.name for field in fields(each)} for each in message_types()}
    assert today | TASKS_BEFORE == today


def test_a_message_of_the_old_broker_is_read():
    types = {each.name: each for each in message_types()}
    old = [*queued_messages(), *unacknowledged_messages()]
    messages = [types[name](**arguments) for name, arguments in old]
    assert {message.name for message in messages} >= {"chorus.score", "chorus.reduce"}
    assert all(message.step for message in messages)


def options_of(command, path=()):
    """Return command → its options, of a command and all below it."""
    options = {}
    for name, each in getattr(command, "commands", {}).items():
        options |= options_of(each, (*path, name))
    options[" ".join(path)] = {
        option
        for each in command.params
        if isinstance(each, click.Option)
        for option in (*each.opts, *each.secondary_opts)
    }
    return options


def test_every_command_and_option_still_exists(tmp_path):
    assert Command(tmp_path).here("--help").status == 0  # registers every command
    today = options_of(main.chorus)
    lost = {
        name: set(options) - today.get(name, set())
        for name, options in EXPECTED["options"].items()
        if set(options) - today.get(name, set()) or name not in today
    }
    assert lost == {}


def test_every_setting_still_exists():
    assert {each.name for each in SETTINGS} >= set(EXPECTED["settings"])


def test_every_metric_still_exists():
    source = (REPOSITORY / "workers/control/prometheus.py").read_text()
    assert [name for name in EXPECTED["metrics"] if f'"{name}"' not in source] == []
