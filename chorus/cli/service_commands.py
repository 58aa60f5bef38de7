"""`chorus up`, `worker`, `bridge` and `doctor`: the processes of the service, and its check."""

import sys

import click

from chorus.cli.options import as_json, device_option, settings_with_device
from chorus.common.console import print_notice
from chorus.common.process_setup import limit_native_threads
from chorus.common.settings import from_environment

_metrics_option = click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve /metrics for Prometheus, and /demand/<model> for KEDA.",
)


@click.command()
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
@_metrics_option
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
    settings = settings_with_device(device)
    limit_native_threads(threads or settings.cores)
    from chorus.service.worker import run_worker

    sys.exit(run_worker(settings, model, threads, identity, only, metrics))


@click.command()
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
@_metrics_option
@device_option
def up(join: bool, grace: float, metrics: str | None, device: str | None) -> None:
    """Run the service on this machine until it is stopped; the number of workers follows demand."""
    from chorus.service.up import up

    up(settings_with_device(device), join=join, grace=grace, metrics=metrics)


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Check this installation, and say what to do about each problem."""
    from chorus.operations.doctor import examine

    sys.exit(examine(from_environment(), as_json))


@click.command()
@click.option("--create", is_flag=True, help="Create missing topics and the subscription first.")
@click.option(
    "--topic",
    metavar="NAME",
    help="With --create: the topic of the subscription (default: the name of the subscription).",
)
@click.option(
    "--exactly-once", is_flag=True, help="With --create: a subscription that delivers exactly once."
)
@click.option(
    "--id",
    "identity",
    hidden=True,
    help="Its name on the board, set by the process that starts it.",
)
def bridge(create: bool, topic: str | None, exactly_once: bool, identity: str | None) -> None:
    """Take in messages from CHORUS_SUBSCRIPTION and publish their labels to CHORUS_RESULTS_TOPIC,
    until stopped.

    `chorus up` runs a bridge by itself where one of them is set.
    """
    if not create and (topic or exactly_once):
        raise click.UsageError("--topic and --exactly-once go with --create.")
    from chorus.service.bridge import create_missing_resources, run_bridge

    settings = from_environment()
    if create:
        for line in create_missing_resources(settings, topic, exactly_once=exactly_once):
            print_notice(line)
    sys.exit(run_bridge(settings, identity))
