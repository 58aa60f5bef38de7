"""Where the log lines of a process go: its standard error, and a file of this machine."""

import getpass
import logging
import os
import socket
import sys
import threading
from collections.abc import Mapping
from types import TracebackType

from chorus.common.settings import Settings
from chorus.logs.line_format import JsonFormatter, NoticeFormatter, TextFormatter
from chorus.logs.log_file import STDERR, LogFile, is_descriptor_of

COMMANDS_FILE, SERVICE_FILE = "commands", "up"
_PACKAGES = ("chorus", "workers", "tasks", "intake", "models", "ensemble", "storage", "processes")

log = logging.getLogger(__name__)


def log_as_worker(settings: Settings, name: str, worker: str) -> None:
    """Log to standard error, in a process that is a worker or a bridge.

    `name`: of its log file in the folder that its parent uses; `worker`: its id on the roster.
    """
    path = settings.run / "logs" / f"{name}.log"
    own = LogFile(path, STDERR) if is_descriptor_of(path, STDERR) else _stderr()
    _log_to(settings, {"worker": worker}, own)
    logging.captureWarnings(True)
    # else Python writes the texts of errors that nothing handles, which may quote feedback
    sys.excepthook = _log_unhandled
    threading.excepthook = lambda thread: _log_unhandled(
        thread.exc_type, thread.exc_value, thread.exc_traceback
    )


def log_as_service(settings: Settings) -> None:
    """Log to standard error and to a file, in `chorus up`."""
    file = LogFile(settings.run / "logs" / f"{SERVICE_FILE}.log")
    _log_to(settings, describe_command("up"), _stderr(), file)


def log_as_command(settings: Settings, command: str) -> None:
    """Log to a file, and warnings to standard error too: the command line prints what else it says.

    Every line says who gave the command, and in which process.
    """
    warnings = _stderr()
    warnings.setLevel(logging.WARNING)
    file = LogFile(settings.run / "logs" / f"{COMMANDS_FILE}.log")
    file.addFilter(_is_of_chorus)
    _log_to(settings, describe_command(command), file, warnings)
    warnings.setFormatter(NoticeFormatter())


def describe_command(command: str) -> dict[str, object]:
    """Return the fields that say who gave a command: command, user, host and process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    return {
        "command": command,
        "user": user,
        "host": socket.gethostname(),
        "process": os.getpid(),
    }


def _log_to(
    settings: Settings, process_fields: Mapping[str, object], *handlers: logging.Handler
) -> None:
    kind = JsonFormatter if settings.log == "json" else TextFormatter
    for handler in handlers:
        handler.setFormatter(kind(process_fields))
        handler.addFilter(_shorten_google_errors)
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.getLogger("celery").setLevel(logging.WARNING)  # the rest repeats our own lines


def _log_unhandled(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is not None:
        log.critical("an error that nothing handles", exc_info=(kind, error, trace))


def _is_of_chorus(record: logging.LogRecord) -> bool:
    """Return whether a line is Chorus's own, or a warning: libraries of a command say much else."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _PACKAGES


def _stderr() -> logging.Handler:
    return logging.StreamHandler(sys.stderr)


def _shorten_google_errors(record: logging.LogRecord) -> bool:
    """Replace the traceback of an error that Google's client retries by its last line."""
    if record.name.startswith("google.") and record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
        record.exc_info = None
    return True
