"""The settings of this process: the only reader of the environment."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from chorus.common.setting import Setting
from chorus.common.setting_types import LogForm
from chorus.common.settings_table import SETTINGS
from intake.detect.intake_limits import IntakeLimits
from models.interface.compute import Compute
from models.interface.precision import Precision
from storage.places.allowlist import check_allowed, check_allowed_tree
from tasks.broker.broker_url import BrokerAddress


@dataclass(frozen=True)
class Settings:
    """The value of every entry of SETTINGS; built once, at the edge, and passed down."""

    home: str
    broker_url: str | None
    run: Path
    allowed_places: tuple[str, ...] | None  # None: any
    chunk_rows: int
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
    max_text: int  # characters
    intake_file: int  # bytes
    intake_unpacked: int  # bytes
    intake_ratio: int
    intake_rows: int
    intake_columns: int
    intake_line: int  # characters
    intake_field: int  # characters
    intake_dictionary: int
    intake_nesting: int
    intake_memory: int  # bytes
    intake_seconds: int
    log: LogForm

    def check_allowed(self, url: str) -> str:
        """Return the file or folder that a request names, by the name to use from here on.

        Only names that come with a request are checked, not such as the place for labels below
        CHORUS_HOME. Raises NotAllowed.
        """
        return check_allowed(url, self.allowed_places)

    def check_allowed_path(self, path: Path) -> Path:
        """Return the same for a local path, with all files in it checked. Raises NotAllowed."""
        if self.allowed_places is None:
            return path
        return Path(check_allowed_tree(str(path), self.allowed_places))

    @property
    def broker(self) -> BrokerAddress | None:
        """The configured broker; None means an embedded one. Raises BadBrokerUrl."""
        return BrokerAddress(self.broker_url) if self.broker_url else None

    @property
    def needs_bridge(self) -> bool:
        """True where messages come in or results go out."""
        return self.subscription is not None or self.results_topic is not None

    @property
    def intake_limits(self) -> IntakeLimits:
        """The limits on an uploaded file."""
        names = [limit.name for limit in fields(IntakeLimits)]
        return IntakeLimits(**{name: getattr(self, f"intake_{name}") for name in names})

    def compute(self, threads: int | None = None) -> Compute:
        """Return what a model may compute with on this machine; `threads`: default all cores."""
        return Compute(self.device, threads or self.cores, self.precision, self.run / "compiled")


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that `environment` holds. Raises BadSetting."""
    return Settings(**{setting.field: setting.parse(environment) for setting in SETTINGS})  # type: ignore[arg-type]  # each parses the value of its field


def shown_values(settings: Settings) -> dict[str, str | int | None]:
    """Return variable → value for people: None where it is not set, and no passwords.

    Raises BadBrokerUrl.
    """
    values: dict[str, str | int | None] = {}
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        show = setting.type.show or setting.type.format
        values[setting.name] = None if value is None else show(value)
    return values


def child_environment(settings: Settings, broker: BrokerAddress) -> dict[str, str]:
    """Return the environment of a process that works for this one, on this broker.

    A value that would be read back as another one keeps the text that this process was given: an
    allowed link to a folder whose name has a space.
    """
    variables = _variables(settings, SETTINGS)
    faithful = {
        setting.name: variables[setting.name]
        for setting in SETTINGS
        if setting.name in variables
        and setting.parse(variables) == getattr(settings, setting.field)
    }
    return {**os.environ, **faithful, "CHORUS_BROKER_URL": broker.url}


def bridge_environment(settings: Settings) -> dict[str, str]:
    """Return the variables of a bridge elsewhere, beside those that every process has.

    Empty where no bridge is needed.
    """
    if not settings.needs_bridge:
        return {}
    return _variables(settings, [setting for setting in SETTINGS if setting.for_bridge])


def _variables(settings: Settings, table: Sequence[Setting]) -> dict[str, str]:
    """Return variable → text, of those that have a value."""
    values = {setting: getattr(settings, setting.field) for setting in table}
    return {
        setting.name: str(setting.type.format(value))
        for setting, value in values.items()
        if value is not None
    }
