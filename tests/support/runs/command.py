"""The command line, run as a process of its own, or faster in this one."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from chorus.cli import main
from tests.support.repository import REPOSITORY

_LIGHT_SITE = REPOSITORY / "tests" / "support" / "light_site"


@dataclass(frozen=True)
class CommandResult:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        """The object on the last line of standard output."""
        return json.loads(self.out.splitlines()[-1])


class Command:
    """`chorus` on one root, with these settings."""

    def __init__(self, home, within=(), light=False, brake=None, **settings):
        """`within`: words that run the command elsewhere, such as in a namespace.

        `light`: bow models are those of tests.support.models.light_model, for tests that start many
        workers. `brake`: a file; while it exists, these models are slow.
        """
        if light:
            settings["PYTHONPATH"] = os.pathsep.join(map(str, (_LIGHT_SITE, REPOSITORY)))
        if brake is not None:
            settings["LIGHT_BRAKE"] = str(brake)
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("CHORUS_")
        }
        self.home, self.within = home, within
        self.env = {**clean, "CHORUS_HOME": str(home), "HF_HUB_OFFLINE": "1", **settings}

    def start(self, *arguments):
        """Start the command; its output goes to pipes."""
        return subprocess.Popen(
            [*self.within, sys.executable, "-m", "chorus", *map(str, arguments)],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A shell starts background jobs with SIGINT ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def __call__(self, *arguments, stdin=b"", timeout=110) -> CommandResult:
        """Run the command to its end."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(stdin, timeout)
            finally:
                process.kill()
        return CommandResult(process.returncode, out.decode(), err.decode())

    def here(self, *arguments) -> CommandResult:
        """Run the command in this process, in a tenth of the time: it must start no workers."""
        out, err = (
            io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)
        )
        with (
            _as_in_a_process(["chorus", *map(str, arguments)], self.env),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main.main()
                status = 0
            except SystemExit as end:
                status = end.code or 0
        return CommandResult(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))


@contextmanager
def _as_in_a_process(words, environment):
    """Set arguments and environment, and restore afterwards what a command changes."""
    log_handlers, log_level = logging.root.handlers[:], logging.root.level
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    allow_pandas = patch.object(main, "block_pandas", lambda: None)
    with (
        patch.object(sys, "argv", words),
        patch.object(sys, "excepthook", sys.excepthook),
        patch.dict(os.environ, environment, clear=True),
        allow_pandas,
    ):
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            logging.root.handlers[:] = log_handlers
            logging.root.setLevel(log_level)


def with_site(folder, code):
    """Return a PYTHONPATH with which every process runs this code first."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(code)
    return f"{folder / 'site'}{os.pathsep}{REPOSITORY}"
