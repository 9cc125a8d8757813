"""Two machines and the cable between them, as network namespaces of Linux; needs root and ``ip``."""

import contextlib
import ctypes
import os
import subprocess
from pathlib import Path

_CLONE_NEWNET = 0x40000000


def enter(namespace: str) -> None:
    """Move this thread, and what it starts from now on, into a network namespace."""
    with Path("/var/run/netns", namespace).open() as file:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {namespace}")


class Network:
    """
    Two hosts, ``left`` and ``right``, with an address each and a cable that can be pulled.

    Attributes:
        left, right: the names of the namespaces.
        addresses: the address of each.
    """

    def __init__(self) -> None:
        self.left, self.right = (f"hammer-{os.getpid()}-{side}" for side in ("left", "right"))
        self.addresses = {self.left: "10.77.0.1", self.right: "10.77.0.2"}

    @classmethod
    def is_possible(cls) -> bool:
        """Return whether this process may make namespaces, by trying."""
        network = cls()
        try:
            network.start()
        except (OSError, subprocess.CalledProcessError):
            return False
        finally:
            network.close()
        return True

    def start(self) -> None:
        for name in self.addresses:
            _ip("netns", "add", name)
        cable = ["link", "add", "cable", "netns", self.left, "type", "veth"]
        _ip(*cable, "peer", "name", "cable", "netns", self.right)
        for name, address in self.addresses.items():
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                _ip("-n", name, "link", "set", device, "up")

    def cut(self) -> None:
        """Pull the cable: nothing arrives, and nobody is told."""
        _ip("-n", self.right, "link", "set", "cable", "down")

    def mend(self) -> None:
        _ip("-n", self.right, "link", "set", "cable", "up")

    def within(self, name: str) -> list[str]:
        """Return the beginning of a command that runs a program on one of the hosts."""
        return ["ip", "netns", "exec", name]

    def close(self) -> None:
        for name in self.addresses:
            with contextlib.suppress(subprocess.CalledProcessError, OSError):
                _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
