"""Fields that every log line of a step carries: what it works on, such as job, chunk and model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_FIELDS: ContextVar[Mapping[str, object]] = ContextVar("log fields")


@contextmanager
def log_fields(fields: Mapping[str, object]) -> Iterator[None]:
    """Let the log lines of this thread carry these fields, within the block."""
    token = _FIELDS.set({**_FIELDS.get({}), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def current_log_fields() -> Mapping[str, object]:
    """Return the fields of the blocks that this thread is in."""
    return _FIELDS.get({})
