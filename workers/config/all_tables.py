"""All of chorus.toml at once: whoever rests on one table refuses a mistake in any."""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.places.place import Place
from tasks.jobs.schedule import Schedule
from workers.autoscaling.limits import Limits
from workers.config.chorus_toml import read_toml
from workers.config.gate_file import Gate, gates_of
from workers.config.limits_file import limits_of
from workers.config.model_tables import ModelTables
from workers.config.schedule_file import schedules_of


@dataclass(frozen=True)
class ChorusConfig:
    """The contents of chorus.toml."""

    limits: ModelTables[Limits]
    gates: ModelTables[Gate]
    schedules: Mapping[str, Schedule]


def read_chorus_config(place: Place) -> ChorusConfig:
    """Read chorus.toml below the root; without one all are the defaults. Raises BadConfigFile."""
    toml = read_toml(place)
    return ChorusConfig(limits_of(toml), gates_of(toml), schedules_of(toml))
