"""A child process that ends on request, or when its parent dies."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from processes.end_with_parent import end_with_parent


class ChildProcess:
    """A process that this one started, with its output in a log file.

    It runs in a session of its own, so that Ctrl-C in the terminal reaches only the parent, which
    then stops its children in order. On Linux the kernel ends it if the parent is killed.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 — the commands are ours
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def exit_status(self) -> int | None:
        """Return the exit status (negative: the signal that killed it); None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Tell it to finish its work and end (SIGTERM)."""
        if self.exit_status() is None:
            self._process.terminate()

    def kill(self) -> None:
        """Kill it (SIGKILL), even if it is frozen."""
        if self.exit_status() is None:
            self._process.kill()

    def stop(self, grace: float) -> None:
        """Terminate it, wait up to `grace` seconds for its end, then kill it."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()
        self._process.wait()

    def log_tail(self, lines: int = 5) -> str:
        """Return the last lines of its log."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


def stop_all(children: Sequence[ChildProcess], grace: float) -> None:
    """Terminate all at once; kill those that run after `grace` seconds."""
    end = monotonic() + grace
    for child in children:
        child.terminate()
    for child in children:
        child.stop(max(0.0, end - monotonic()))
