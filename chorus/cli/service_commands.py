"""`chorus bridge`: Pub/Sub in and out."""

import sys

import click

from chorus.common.settings import from_environment


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
            print(line, file=sys.stderr)
    sys.exit(run_bridge(settings, identity))
