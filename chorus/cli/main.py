"""The command line: arguments in, exit status out. What a command needs is imported when it runs."""

import json
import sys
from dataclasses import replace
from importlib import import_module
from typing import Any, NoReturn

import click

from chorus.cli.options import as_json, upload_options
from chorus.common.process_setup import limit_native_threads, with_little_memory, without_pandas
from chorus.common.setting_types import DEVICE
from chorus.common.settings import Settings, from_environment
from storage.errors import ChorusError

_EPILOG = "Exit status: 0 done, 1 failed or incomplete, 2 the request was wrong, 130 interrupted (run it again to go on)."


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chorus")
def chorus() -> None:
    """Label customer feedback in bulk: many models, each in its own workers, one ensemble, labelled
    Parquet.
    """


device_option = click.option(
    "--device",
    metavar="auto|cpu|cuda|cuda:N",
    help="Where models that can use a GPU compute (default: CHORUS_DEVICE, or auto).",
)


metrics_option = click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve the demand and the pools: /metrics for Prometheus, /demand/<model>.",
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
    """Label FILE (CSV, TSV, JSON Lines or Parquet, also .gz; - is standard input) and wait for the
    result.
    """
    from chorus.jobs.upload_request import UploadRequest, score

    score(_settings(device), UploadRequest(**arguments))


@chorus.command()
@upload_options
def submit(**arguments: Any) -> None:
    """Hand FILE to the workers of a running service, and print the id of the job."""
    from chorus.jobs.upload_request import UploadRequest, submit

    submit(from_environment(), UploadRequest(**arguments))


@chorus.command()
@click.argument("job")
def cancel(job: str) -> None:
    """Stop JOB, or all jobs of a run (CUSTOMER/RUN); what is done is kept."""
    from chorus.jobs.manage import cancel

    cancel(from_environment(), job)


@chorus.command()
@click.argument("job")
def resume(job: str) -> None:
    """Let the running service go on with JOB, which failed, was cancelled or was interrupted."""
    from chorus.jobs.manage import resume

    resume(from_environment(), job)


@chorus.command()
@click.argument("job", required=False)
@click.option("--watch", is_flag=True, help="Again every second; one job until it ends.")
@as_json
def status(job: str | None, watch: bool, as_json: bool) -> None:
    """Show all jobs and what is asked of each model; or one job: progress, rate, time left, its
    first part.
    """
    from chorus.jobs.status import show_status

    show_status(from_environment(), job, as_json=as_json, watch=watch)


@chorus.command()
@click.option("--model", help="Score with this model.")
@click.option(
    "--control", is_flag=True, help="Reduce and finish instead, and ask again for what is lost."
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
    help="What the roster calls it; whoever starts workers says so.",
)
@metrics_option
@click.option(
    "--only",
    metavar="JOB",
    multiple=True,
    hidden=True,
    help="A job that the control worker looks after.",
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
    """Run one worker until it is told to stop: one model's, or the control worker."""
    if control == (model is not None):
        raise click.UsageError("Give either --model NAME or --control.")
    if metrics is not None and not control:
        raise click.UsageError("--metrics goes with --control.")
    settings = _settings(device)
    limit_native_threads(threads or settings.cores)
    from chorus.service.worker import serve

    sys.exit(serve(settings, model, threads, identity, only, metrics))


@chorus.command()
@click.option(
    "--join",
    is_flag=True,
    help="Take part in the service of CHORUS_BROKER_URL, and bring no broker.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds that workers get to end.",
)
@metrics_option
@device_option
def up(join: bool, grace: float, metrics: str | None, device: str | None) -> None:
    """Run the service on this machine: workers that follow demand, from none, until it is told to
    stop.
    """
    from chorus.service.up import up

    up(_settings(device), join=join, grace=grace, metrics=metrics)


@chorus.command()
@as_json
def doctor(as_json: bool) -> None:
    """Say what is wrong with this installation, and what to do."""
    from chorus.operations.doctor import examine

    sys.exit(examine(from_environment(), as_json))


_ELSEWHERE = {  # module → its commands
    "chorus.cli.service_commands": ("bridge",),
    "chorus.cli.deploy_commands": ("deploy",),
    "chorus.cli.diff_commands": ("diff",),
    "chorus.cli.ensemble_commands": ("ensembles",),
    "chorus.cli.model_commands": ("models",),
    "chorus.cli.plan_commands": ("plan",),
    "chorus.cli.reprocess_commands": ("labels", "prune", "reprocess"),
    "chorus.cli.schedule_commands": ("schedule",),
}


def _subcommands() -> None:
    for module, names in _ELSEWHERE.items():
        for name in names:
            chorus.add_command(getattr(import_module(module), name))


def main() -> None:
    """Run a command; print our errors without a traceback and exit with their status."""
    without_pandas()
    with_little_memory()
    _subcommands()
    try:
        chorus.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        _end(error.exit_code, error.format_message())
    except (KeyboardInterrupt, click.Abort):
        print(_INTERRUPTED, file=sys.stderr)
        _end(130, _INTERRUPTED)
    except ChorusError as error:
        print(f"chorus: {error}", file=sys.stderr)
        _end(error.exit_status, str(error))
    # what no place or process of ours has put into words: the path and the system's reason
    except OSError as error:
        print(f"chorus: {error}", file=sys.stderr)
        _end(1, str(error))


_INTERRUPTED = "Interrupted. What is done is kept: run the same command again to go on."
_STATUS = {1: "failed", 2: "refused", 130: "interrupted"}


def _end(status: int, error: str) -> NoReturn:
    """Exit, with the error as the JSON object that a caller with --json waits for."""
    if "--json" in sys.argv:
        print(json.dumps({"status": _STATUS.get(status, "failed"), "error": error}))
    sys.exit(status)
