"""The command line, run as its users run it: as a process of its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Ended:
    """What a command left: exit status, what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        """The object on the last line of standard output."""
        return json.loads(self.out.splitlines()[-1])


class Command:
    """`chorus`, with CHORUS_HOME at one root and whatever else is set."""

    def __init__(self, home, within=(), light=False, **settings):
        """`within`: the words of a command that runs another one, elsewhere.

        `light`: bow models are those of tests.light_model, for tests that start many workers and look at these.
        """
        if light:
            settings["PYTHONPATH"] = os.pathsep.join(map(str, (_TESTS / "light_site", _TESTS.parent)))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CHORUS_")}
        self.home, self.within = home, within
        self.env = {**clean, "CHORUS_HOME": str(home), "HF_HUB_OFFLINE": "1", **settings}

    def start(self, *arguments):
        """The running process; its output is in pipes."""
        return subprocess.Popen(
            [*self.within, sys.executable, "-m", "chorus", *map(str, arguments)],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A shell starts background jobs with SIGINT ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def __call__(self, *arguments, stdin=b"", timeout=110) -> Ended:
        """Run it to its end."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(stdin, timeout)
            finally:
                process.kill()
        return Ended(process.returncode, out.decode(), err.decode())


def with_site(folder, code):
    """A PYTHONPATH with which every process begins with this code."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(code)
    return f"{folder / 'site'}{os.pathsep}{_TESTS.parent}"
