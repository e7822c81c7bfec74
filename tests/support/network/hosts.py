"""Hosts with a network of their own on this machine: network namespaces that a bridge connects.

A host has an address and a loopback of its own; files are shared. A host that is cut off is switched off at
the bridge: its connections stay open, and nothing that is sent arrives.
"""

import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import pytest

# Networks that are free for private use, and that nobody uses much: 10.192.0.0 to 10.255.255.0.
_FIRST: Final = 192
_LAST: Final = 255


@dataclass(frozen=True)
class Host:
    """A network namespace with an address."""

    namespace: str
    address: str
    # The interface of this host at the bridge.
    port: str

    @property
    def command(self) -> tuple[str, ...]:
        """The command that runs another command on this host."""
        return ("ip", "netns", "exec", self.namespace)

    def cut(self) -> None:
        """Let nothing reach this host, and nothing leave it."""
        _ip("link", "set", self.port, "down")

    def heal(self) -> None:
        """Connect it again."""
        _ip("link", "set", self.port, "up")


@dataclass(frozen=True)
class Network:
    """A bridge. `address` is that of this process on it."""

    address: str
    hosts: tuple[Host, ...]

    @property
    def block(self) -> str:
        """The addresses of all hosts, as a network."""
        return f"{_prefix(self.address)}.0/24"


@contextmanager
def running_network(hosts: int) -> Iterator[Network]:
    """A network of that many hosts. Skips the test where this user may not make one."""
    # Other tests of this machine may have a network too.
    second, third = random.randint(_FIRST, _LAST), random.randint(0, 255)
    bridge, prefix = f"tams{second}x{third}", f"10.{second}.{third}"
    with ExitStack() as stack:
        try:
            _ip("link", "add", bridge, "type", "bridge")
        except (OSError, NotPermitted) as error:
            pytest.skip(f"cannot make a network: {error}")
        stack.callback(_ip, "link", "delete", bridge)
        _ip("address", "add", f"{prefix}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        made = [stack.enter_context(_host(bridge, prefix, number)) for number in range(2, 2 + hosts)]
        yield Network(f"{prefix}.1", tuple(made))


class NotPermitted(Exception):
    """A command about networks failed."""


@contextmanager
def _host(bridge: str, prefix: str, number: int) -> Iterator[Host]:
    host = Host(f"{bridge}-{number}", f"{prefix}.{number}", f"{bridge}-{number}")
    inside = ("-netns", host.namespace)
    _ip("netns", "add", host.namespace)
    try:
        _ip("link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        _ip("link", "set", host.port, "master", bridge, "up")
        _ip(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
        _ip(*inside, "link", "set", "eth0", "up")
        _ip(*inside, "link", "set", "lo", "up")
        yield host
    finally:
        # The interfaces of the host go with it.
        with suppress(NotPermitted):
            _ip("netns", "delete", host.namespace)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPermitted(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _prefix(address: str) -> str:
    return address.rpartition(".")[0]
