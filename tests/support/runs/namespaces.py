"""Machines on one host: each a network namespace with an address and a host name of its own.

It takes Linux, root, and the programs `ip` (iproute2) and `unshare` (util-linux).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_PROGRAMS = ("ip", "unshare")
_RENAMED = 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"'


@dataclass(frozen=True)
class Machine:
    """A namespace, and the wire to it."""

    name: str
    outside: str  # the address of this end of the wire, the only one that it reaches
    inside: str  # its own

    @property
    def within(self) -> tuple[str, ...]:
        """What comes before a command that is to run there, in the same process."""
        return (
            "ip",
            "netns",
            "exec",
            self.name,
            "unshare",
            "--uts",
            "sh",
            "-c",
            _RENAMED,
            self.name,
        )


def lacking() -> str | None:
    """Why there can be no namespaces here; None if nothing speaks against them."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces take Linux and root"
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    return (
        f"not installed: {', '.join(missing)} (packages iproute2, util-linux)" if missing else None
    )


@contextmanager
def machines(count: int) -> Iterator[list[Machine]]:
    """So many, for as long as the block lasts. Raises CalledProcessError where the kernel has no
    namespaces for us.
    """
    process = os.getpid()
    # of the range that is set aside for tests of networks (RFC 2544)
    subnet = f"198.18.{process % 256}"
    with ExitStack() as stack:
        found = []
        for number in range(count):
            machine = Machine(
                f"chorus{process}{'abcdef'[number]}",
                *(f"{subnet}.{4 * number + end}" for end in (1, 2)),
            )
            stack.enter_context(_wired(machine))
            found.append(machine)
        yield found


@contextmanager
def _wired(machine: Machine) -> Iterator[None]:
    name = machine.name
    _ip("netns", "add", name)
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "wire", "netns", name)
        _ip("address", "add", f"{machine.outside}/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-netns", name, "address", "add", f"{machine.inside}/30", "dev", "wire")
        for device in ("wire", "lo"):
            _ip("-netns", name, "link", "set", device, "up")
        yield
    finally:
        subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
