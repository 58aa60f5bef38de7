"""First in a process of tests.command.Command(…, light=True)."""

from tests import light_model

light_model.install()
