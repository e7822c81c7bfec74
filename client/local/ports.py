"""Chooses the port of each part: the configured one, that of the last run, or a free one."""

import json
import random
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from client.local.errors import CannotRun
from client.local.names import DEFAULT_GATEWAY_PORT, GATEWAY_PORT, PORTS, S3_ADMIN_PORT

# Below the kernel's range of outgoing ports, so no outgoing connection takes one of these.
_ADMIN_BLOCKS: Final = range(20_000, 22_000, len(PORTS))
_BLOCKS: Final = range(22_000, 30_000 - len(PORTS), len(PORTS))
# SeaweedFS adds this to its admin port for gRPC.
ADMIN_GRPC_OFFSET: Final = 10_000


def choose(
    given: Mapping[str, int], remembered: Mapping[str, int], names: Sequence[str] = PORTS
) -> dict[str, int]:
    """A port for each name. CannotRun if a given port, or the gateway's, is taken."""
    fixed = {GATEWAY_PORT: DEFAULT_GATEWAY_PORT, **given}
    _check_distinct(fixed)
    for name, port in fixed.items():
        if not _is_free(name, port):
            raise CannotRun(f"port {port} is taken; set {name} to another port")
    chosen = fixed | _free_again(remembered, set(fixed.values()), names)
    chosen |= _new([name for name in names if name not in chosen], set(chosen.values()))
    return {name: chosen[name] for name in names}


def remembered(path: Path) -> dict[str, int]:
    """The ports in the file; empty if it is missing or has other content."""
    try:
        ports = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(ports, dict):
        return {}
    return {name: port for name, port in ports.items() if isinstance(port, int)}


def remember(path: Path, ports: Mapping[str, int]) -> None:
    """Store the ports for the next run, except that of the gateway, which is never chosen."""
    path.write_text(json.dumps({n: p for n, p in ports.items() if n != GATEWAY_PORT}, indent=1) + "\n")


def _free_again(remembered: Mapping[str, int], used: set[int], names: Sequence[str]) -> dict[str, int]:
    reused: dict[str, int] = {}
    for name in names:
        port = remembered.get(name, 0)
        if port not in used and _is_free(name, port):
            reused[name] = port
            used.add(port)
    return reused


def _new(names: list[str], used: set[int]) -> dict[str, int]:
    """Free ports from one random block, so stores that start at the same time rarely choose the same."""
    admin = [name for name in names if name == S3_ADMIN_PORT]
    others = [name for name in names if name != S3_ADMIN_PORT]
    return _from_block(_ADMIN_BLOCKS, admin, used) | _from_block(_BLOCKS, others, used)


def _from_block(blocks: range, names: list[str], used: set[int]) -> dict[str, int]:
    for first in random.sample(blocks, len(blocks)):
        ports = dict(zip(names, range(first, first + len(names)), strict=True))
        if all(port not in used and _is_free(name, port) for name, port in ports.items()):
            return ports
    raise CannotRun(f"there are no free ports between {blocks.start} and {blocks.stop}")


def _is_free(name: str, port: int) -> bool:
    if name == S3_ADMIN_PORT and not _can_listen(port + ADMIN_GRPC_OFFSET):
        return False
    return _can_listen(port)


def _can_listen(port: int) -> bool:
    if port <= 0:
        return False
    with socket.socket() as probe:
        # As servers do, so closed connections of the last run do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except (OSError, OverflowError):
            return False
    return True


def _check_distinct(fixed: Mapping[str, int]) -> None:
    names: dict[int, str] = {}
    for name, port in fixed.items():
        if port in names:
            raise CannotRun(f"{names[port]} and {name} are both {port}; set one of them to another port")
        names[port] = name
