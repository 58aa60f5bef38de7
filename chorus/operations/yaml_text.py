"""YAML output that Python and Go parsers read alike."""

import re
from collections.abc import Sequence

import yaml


def render_yaml(documents: Sequence[object]) -> str:
    """Return the documents as YAML, each after a `---` line, with keys in their given order."""
    return str(
        yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=120)
    )


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 — the library's signature
        """Write repeated values out: people read this, and some parsers lack aliases."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Quote a text unless it is a plain word: 1e5 and y are text for PyYAML, not for Kubernetes."""
    style = None if re.fullmatch(r"[A-Za-z][A-Za-z./-]{2,}", text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
