"""Tracebacks for logs: the code that ran, without the texts of errors that may quote feedback."""

import traceback
from collections.abc import Iterator

from storage.log_text import log_text, quotes_feedback

_CAUSE = "The above was the direct cause of the following:"


def format_traceback(error: BaseException) -> str:
    """Return an error and its causes, the first cause first, with the lines of code of each."""
    return f"\n\n{_CAUSE}\n\n".join(reversed(list(_parts(error))))


def _parts(error: BaseException) -> Iterator[str]:
    """Yield the traceback of the error, then of its cause, and so on."""
    current: BaseException | None = error
    named_only = False
    seen = set[int]()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        name = type(current).__name__
        text = "" if named_only else log_text(current)
        frames = "".join(traceback.format_tb(current.__traceback__))
        lines = f"Traceback (most recent call last):\n{frames}" if frames else ""
        yield f"{lines}{name}{f': {text}' if text not in ('', name) else ''}"
        named_only = named_only or quotes_feedback(current)
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
