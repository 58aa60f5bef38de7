"""The command line of the bridge."""

import sys

import click

from chorus.common.settings import from_environment


@click.command()
@click.option(
    "--create", is_flag=True, help="Make what is missing first: topics and the subscription."
)
@click.option(
    "--topic",
    metavar="NAME",
    help="With --create: whose messages the subscription gets (default: its name).",
)
@click.option(
    "--exactly-once", is_flag=True, help="With --create: a subscription that delivers exactly once."
)
@click.option(
    "--id", "identity", hidden=True, help="What the board calls it; whoever starts bridges says so."
)
def bridge(create: bool, topic: str | None, exactly_once: bool, identity: str | None) -> None:
    """Take messages in from CHORUS_SUBSCRIPTION, publish their labels to CHORUS_RESULTS_TOPIC,
    until told to stop.

    `chorus up` runs one by itself where a subscription is set.
    """
    if not create and (topic or exactly_once):
        raise click.UsageError("--topic and --exactly-once go with --create.")
    from chorus.service.bridge import create_missing, serve_bridge

    settings = from_environment()
    if create:
        for line in create_missing(settings, topic, exactly_once=exactly_once):
            print(line, file=sys.stderr)
    sys.exit(serve_bridge(settings, identity))
