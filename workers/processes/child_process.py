"""A child process that ends when it is told to, or when its parent dies."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from models.guards.end_with_parent import end_with_parent


class Child:
    """One process that this process started, with its output in a log file.

    It runs in a session of its own, so that Ctrl-C in the terminal reaches only the parent, which
    then stops its children in order. On Linux the kernel ends it should the parent be killed.
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
        return self._process.pid

    def ended(self) -> int | None:
        """The exit status (negative: the signal that killed it), or None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask it to finish what it does and end."""
        if self.ended() is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it now, whatever it does, and even if it is frozen."""
        if self.ended() is None:
            self._process.kill()

    def stop(self, grace: float) -> None:
        """Wait up to `grace` seconds for an end that was asked for, then kill."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()
        self._process.wait()

    def last_words(self, lines: int = 5) -> str:
        """The end of its log."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


def stop_all(children: Sequence[Child], grace: float) -> None:
    """Ask all of them first, so that they end side by side; after `grace` seconds the rest are
    killed.
    """
    end = monotonic() + grace
    for child in children:
        child.terminate()
    for child in children:
        child.stop(max(0.0, end - monotonic()))
