"""Machines on one host: network namespaces with addresses and host names of their own.

They need Linux, root, and the programs `ip` (iproute2) and `unshare` (util-linux).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_PROGRAMS = ("ip", "unshare")
_SET_HOST_NAME = 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"'


@dataclass(frozen=True)
class Machine:
    """A namespace, and the wire to it."""

    name: str
    outside: str  # address of the end of the wire on the host, the only one it reaches
    inside: str  # its own address

    @property
    def within(self) -> tuple[str, ...]:
        """The words before a command that run it in the namespace, in the same process."""
        return (
            "ip",
            "netns",
            "exec",
            self.name,
            "unshare",
            "--uts",
            "sh",
            "-c",
            _SET_HOST_NAME,
            self.name,
        )


def missing_requirements() -> str | None:
    """Return why namespaces cannot be used on this host; None if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    return (
        f"not installed: {', '.join(missing)} (packages iproute2, util-linux)" if missing else None
    )


@contextmanager
def machines(count: int) -> Iterator[list[Machine]]:
    """Create so many machines for the block. Raises CalledProcessError where the kernel refuses."""
    process = os.getpid()
    # from the range that is reserved for tests of networks (RFC 2544)
    subnet = f"198.18.{process % 256}"
    with ExitStack() as stack:
        created = []
        for number in range(count):
            machine = Machine(
                f"chorus{process}{'abcdef'[number]}",
                *(f"{subnet}.{4 * number + end}" for end in (1, 2)),
            )
            stack.enter_context(_connected(machine))
            created.append(machine)
        yield created


@contextmanager
def _connected(machine: Machine) -> Iterator[None]:
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
