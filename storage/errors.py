"""The base of every error that Chorus raises on purpose."""


class ChorusError(Exception):
    """Says what happened, what was expected and what to do; the command line prints it without a
    traceback.

    `exit_status` is what a command that ends on this error returns: 1 the job failed or is
    incomplete, 2 the request was wrong and nothing was started.
    """

    exit_status = 1


class BadRequest(ChorusError):
    """A request that cannot be carried out as it was made; nothing was started."""

    exit_status = 2
