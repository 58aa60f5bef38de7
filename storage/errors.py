"""The base of every error that Chorus raises on purpose, and any error as one line."""

_MAX_REASON_CHARS = 300  # an error can quote a whole text


class ChorusError(Exception):
    """An error whose message says what happened, what was expected and what to do.

    The command line prints it without a traceback and exits with `exit_status`: 1 if the job failed
    or is incomplete, 2 if the request was wrong and nothing was started.
    """

    exit_status = 1


class BadRequest(ChorusError):
    """A request that cannot be carried out as it was made; nothing was started."""

    exit_status = 2


def one_line_reason(error: BaseException) -> str:
    """Return an exception as one line, shortened."""
    reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return reason if len(reason) <= _MAX_REASON_CHARS else f"{reason[: _MAX_REASON_CHARS - 1]}…"
