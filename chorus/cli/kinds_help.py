"""Help texts of commands that take a kind of model: what each kind in the table is."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from models.interface.kind import Kind


class CommandWithKinds(click.Command):
    """A command whose help ends with the kinds of model."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 — click's signature
        """Write the list of kinds, which are imported only for this."""
        from models.kinds.table import all_kinds

        with formatter.section("Kinds of model"):
            formatter.write_dl([(name, _describe(kind)) for name, kind in all_kinds().items()])


def _describe(kind: "Kind") -> str:
    sentences = [kind.summary]
    if kind.reads_tokens:
        sentences.append("Reads tokens.")
    if kind.uses_gpu:
        sentences.append("Can use a GPU.")
    return " ".join([*sentences, f"Recognised by {kind.recognised_by}."])
