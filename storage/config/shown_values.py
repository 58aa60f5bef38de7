"""Values and tables as an error about a file shows them. Pure."""

import json
import re

from storage.config.toml_lines import KeyPath

_MAX_SHOWN = 60  # characters of a value in an error


def header_of(path: KeyPath, *, is_json: bool = False) -> str:
    """Return the name of a table as the file has it.

    In TOML: [models."a.b"], [[schedule]]. In JSON, with positions from 0: targets[1].members[0].
    """
    if is_json:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        return "".join(steps).removeprefix(".") or "the file"
    names = [name for name in path if isinstance(name, str)]
    bare = (
        name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
        for name in names
    )
    header = f"[{'.'.join(bare)}]"
    return f"[{header}]" if path and isinstance(path[-1], int) else header


def show_value(value: object, table_word: str = "a table") -> str:
    """Return a value about as the file has it, cut if it is long."""
    if isinstance(value, dict):
        return table_word
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of very many digits"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
