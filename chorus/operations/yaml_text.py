"""Documents as YAML which Python and Go read alike."""

import re
from collections.abc import Sequence

import yaml


def render_yaml(documents: Sequence[object]) -> str:
    """One document after the other, each begun by `---`, keys in their order."""
    return str(
        yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=120)
    )


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 — the library's signature
        """What occurs twice is written twice: people read this, and not every reader knows aliases."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """In quotes, unless it is a plain word: 1e5 and y are texts to PyYAML, and others to
    Kubernetes.
    """
    style = None if re.fullmatch(r"[A-Za-z][A-Za-z./-]{2,}", text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
