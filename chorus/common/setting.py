"""One setting: the variable, its type, its default and its meaning."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chorus.common.setting_types import SettingType

Environment = Mapping[str, str]


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
