"""The files by which a person configures a root, checked before a command rests on them."""

from ensemble.customers import read_customers
from storage.config.config_file import BadConfigFile
from storage.places.place import Place
from workers.config.all_tables import read_chorus_config


def check_configuration(place: Place) -> None:
    """Read chorus.toml and customers.toml. Raises BadConfigFile for the first mistake."""
    read_chorus_config(place)
    read_customers(place)


def configuration_mistakes(place: Place) -> list[str]:
    """Return the first mistake of each of the two files."""
    mistakes = []
    for read in (read_chorus_config, read_customers):
        try:
            read(place)
        except BadConfigFile as error:
            mistakes.append(str(error))
    return mistakes
