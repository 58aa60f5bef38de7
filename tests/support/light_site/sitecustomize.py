"""First in a process of tests.support.runs.command.Command(…, light=True)."""

from tests.support.models import light_model

light_model.install()
