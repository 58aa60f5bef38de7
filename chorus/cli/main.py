"""The entry point `chorus`, and its main commands: score, submit, status, worker, up, doctor."""

import json
import sys
from dataclasses import replace
from importlib import import_module
from typing import Any, NoReturn

import click

from chorus.cli.options import as_json, upload_options
from chorus.common.process_setup import block_pandas, limit_native_threads, use_system_allocator
from chorus.common.setting_types import DEVICE
from chorus.common.settings import Settings, from_environment
from storage.errors import ChorusError

_EPILOG = (
    "Exit status: 0 done, 1 failed or incomplete, 2 the request was wrong, 130 interrupted (run "
    "the same command again to continue)."
)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chorus")
def chorus() -> None:
    """Label customer feedback in bulk with many models, and combine their answers into labelled
    Parquet files.
    """


device_option = click.option(
    "--device",
    metavar="auto|cpu|cuda|cuda:N",
    help="Where models that can use a GPU compute (default: CHORUS_DEVICE, or auto).",
)


metrics_option = click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve /metrics for Prometheus, and /demand/<model> for KEDA.",
)


def _settings(device: str | None) -> Settings:
    """Return the settings of the environment, with the device of the option. Raises BadSetting."""
    settings = from_environment()
    if device is None:
        return settings
    return replace(settings, device=DEVICE.read("--device", device))


@chorus.command()
@upload_options
@device_option
def score(device: str | None, **arguments: Any) -> None:
    """Label FILE and wait for the result.

    FILE is CSV, TSV, JSON Lines or Parquet, also .gz; - is standard input.
    """
    from chorus.jobs.upload_request import UploadRequest, score

    score(_settings(device), UploadRequest(**arguments))


@chorus.command()
@upload_options
def submit(**arguments: Any) -> None:
    """Hand FILE to a running service, and print the id of the job."""
    from chorus.jobs.upload_request import UploadRequest, submit

    submit(from_environment(), UploadRequest(**arguments))


@chorus.command()
@click.argument("job")
def cancel(job: str) -> None:
    """Stop JOB, or all jobs of a run (CUSTOMER/RUN); finished work is kept."""
    from chorus.jobs.manage import cancel

    cancel(from_environment(), job)


@chorus.command()
@click.argument("job")
def resume(job: str) -> None:
    """Let the running service continue JOB, which failed, was cancelled or was interrupted."""
    from chorus.jobs.manage import resume

    resume(from_environment(), job)


@chorus.command()
@click.argument("job", required=False)
@click.option("--watch", is_flag=True, help="Show it again every second; one job until it ends.")
@as_json
def status(job: str | None, watch: bool, as_json: bool) -> None:
    """Show all jobs, open runs, models and bridges; or JOB with progress, rate and time left."""
    from chorus.jobs.status import show_status

    show_status(from_environment(), job, as_json=as_json, watch=watch)


@chorus.command()
@click.option("--model", help="Score with this model.")
@click.option(
    "--control", is_flag=True, help="Combine scores, finish jobs, and re-queue lost steps instead."
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads that the model may compute with (default: all cores).",
)
@click.option(
    "--id",
    "identity",
    hidden=True,
    help="Its name in the roster, set by the process that starts it.",
)
@metrics_option
@click.option(
    "--only",
    metavar="JOB",
    multiple=True,
    hidden=True,
    help="Limit the control worker to this job.",
)
@device_option
def worker(
    model: str | None,
    control: bool,
    threads: int | None,
    identity: str | None,
    metrics: str | None,
    only: tuple[str, ...],
    device: str | None,
) -> None:
    """Run one worker until it is stopped: a scoring worker of one model, or the control worker."""
    if control == (model is not None):
        raise click.UsageError("Give either --model NAME or --control.")
    if metrics is not None and not control:
        raise click.UsageError("--metrics goes with --control.")
    settings = _settings(device)
    limit_native_threads(threads or settings.cores)
    from chorus.service.worker import run_worker

    sys.exit(run_worker(settings, model, threads, identity, only, metrics))


@chorus.command()
@click.option(
    "--join",
    is_flag=True,
    help="Join the service of CHORUS_BROKER_URL instead of starting a broker.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds that workers get to finish their steps when stopped.",
)
@metrics_option
@device_option
def up(join: bool, grace: float, metrics: str | None, device: str | None) -> None:
    """Run the service on this machine until it is stopped; the number of workers follows demand."""
    from chorus.service.up import up

    up(_settings(device), join=join, grace=grace, metrics=metrics)


@chorus.command()
@as_json
def doctor(as_json: bool) -> None:
    """Check this installation, and say what to do about each problem."""
    from chorus.operations.doctor import examine

    sys.exit(examine(from_environment(), as_json))


_COMMANDS = {  # module → its commands
    "chorus.cli.service_commands": ("bridge",),
    "chorus.cli.deploy_commands": ("deploy",),
    "chorus.cli.diff_commands": ("diff",),
    "chorus.cli.ensemble_commands": ("ensembles",),
    "chorus.cli.model_commands": ("models",),
    "chorus.cli.plan_commands": ("plan",),
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
    _add_commands()
    try:
        chorus.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        _exit(error.exit_code, error.format_message())
    except (KeyboardInterrupt, click.Abort):
        print(_INTERRUPTED, file=sys.stderr)
        _exit(130, _INTERRUPTED)
    except ChorusError as error:
        print(f"chorus: {error}", file=sys.stderr)
        _exit(error.exit_status, str(error))
    # one that no ChorusError explains: it has the path and the system's reason
    except OSError as error:
        print(f"chorus: {error}", file=sys.stderr)
        _exit(1, str(error))


_INTERRUPTED = "Interrupted. Finished work is kept: run the same command again to continue."
_STATUS_NAMES = {1: "failed", 2: "refused", 130: "interrupted"}


def _exit(status: int, error: str) -> NoReturn:
    """Exit; with --json print the error as the JSON object that the caller expects."""
    if "--json" in sys.argv:
        print(json.dumps({"status": _STATUS_NAMES.get(status, "failed"), "error": error}))
    sys.exit(status)
