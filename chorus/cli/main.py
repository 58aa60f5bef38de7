"""The entry point `chorus`: its commands, and how an error becomes an exit status."""

import sys
from contextlib import suppress
from importlib import import_module
from io import StringIO
from typing import NoReturn

import click

from chorus.common.console import print_json, print_notice, print_traceback
from chorus.common.process_setup import block_pandas, use_system_allocator
from chorus.common.settings import from_environment
from chorus.logs.process_logs import log_as_command
from storage.errors import ChorusError

_EPILOG = (
    "Exit status: 0 done, 1 failed or incomplete, 2 the request was wrong, 130 interrupted (run "
    "the same command again to continue)."
)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chorus")
@click.pass_context
def chorus(context: click.Context) -> None:
    """Label customer feedback in bulk with many models, and combine their answers into labelled
    Parquet files.
    """
    if context.invoked_subcommand is not None:
        with suppress(ChorusError):  # the command says what is wrong with a setting
            log_as_command(from_environment(), context.invoked_subcommand)


_COMMANDS = {  # module → its commands
    "chorus.cli.service_commands": ("bridge", "doctor", "up", "worker"),
    "chorus.cli.deploy_commands": ("deploy",),
    "chorus.cli.diff_commands": ("diff",),
    "chorus.cli.feedback_commands": ("feedback",),
    "chorus.cli.ensemble_commands": ("ensembles",),
    "chorus.cli.model_commands": ("models",),
    "chorus.cli.job_commands": ("cancel", "export", "logs", "resume", "status"),
    "chorus.cli.upload_commands": ("plan", "score", "submit"),
    "chorus.cli.reprocess_commands": ("labels", "prune", "reprocess", "schedule"),
}


def _add_commands() -> None:
    for module, names in _COMMANDS.items():
        for name in names:
            chorus.add_command(getattr(import_module(module), name))


def main() -> None:
    """Run a command; print a ChorusError without a traceback and exit with its status."""
    block_pandas()
    use_system_allocator()
    sys.excepthook = print_traceback
    _add_commands()
    try:
        chorus.main(standalone_mode=False)
    except click.ClickException as error:
        _exit(error.exit_code, _show_usage_error(error))
    except (KeyboardInterrupt, click.Abort):
        print_notice(_INTERRUPTED)
        _exit(130, _INTERRUPTED)
    except ChorusError as error:
        print_notice(f"chorus: {error}")
        _exit(error.exit_status, str(error))
    # one that no ChorusError explains: it has the path and the system's reason
    except OSError as error:
        print_notice(f"chorus: {error}")
        _exit(1, str(error))


_INTERRUPTED = "Interrupted. Finished work is kept: run the same command again to continue."
_STATUS_NAMES = {1: "failed", 2: "refused", 130: "interrupted"}


def _show_usage_error(error: click.ClickException) -> str:
    """Print what click prints about a wrong command, escaped; return the message."""
    shown = StringIO()
    error.show(file=shown)
    print_notice(shown.getvalue().removesuffix("\n"))
    return error.format_message()


def _exit(status: int, error: str) -> NoReturn:
    """Exit; with --json print the error as the JSON object that the caller expects."""
    if "--json" in sys.argv:
        print_json({"status": _STATUS_NAMES.get(status, "failed"), "error": error})
    sys.exit(status)
