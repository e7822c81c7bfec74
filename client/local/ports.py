"""Which port each part listens on: as told, as last time, or a free one."""

import json
import random
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from client.local.errors import CannotRun
from client.local.settings import DEFAULT_GATEWAY_PORT, GATEWAY_PORT, PORTS, S3_ADMIN_PORT

# Below the range the kernel takes outgoing ports from, so nobody is given one of these by chance.
_ADMIN_BLOCKS: Final = range(20_000, 22_000, len(PORTS))
_BLOCKS: Final = range(22_000, 30_000 - len(PORTS), len(PORTS))
# SeaweedFS adds this to its admin port for gRPC.
ADMIN_GRPC_OFFSET: Final = 10_000


def choose(given: Mapping[str, int], remembered: Mapping[str, int]) -> dict[str, int]:
    """A port for each name in PORTS. CannotRun where a given one, or the gateway's, is taken."""
    fixed = {GATEWAY_PORT: DEFAULT_GATEWAY_PORT, **given}
    _check_distinct(fixed)
    for name, port in fixed.items():
        if not _free(name, port):
            raise CannotRun(f"port {port} is taken; set {name} to another one")
    chosen = fixed | _kept(remembered, set(fixed.values()))
    chosen |= _new([name for name in PORTS if name not in chosen], set(chosen.values()))
    return {name: chosen[name] for name in PORTS}


def remembered(path: Path) -> dict[str, int]:
    """The ports in the file; none where it is missing or not ours."""
    try:
        ports = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(ports, dict):
        return {}
    return {name: port for name, port in ports.items() if isinstance(port, int)}


def remember(path: Path, ports: Mapping[str, int]) -> None:
    """Keep the ports for next time, but the gateway's, which is always given."""
    path.write_text(json.dumps({n: p for n, p in ports.items() if n != GATEWAY_PORT}, indent=1) + "\n")


def _kept(remembered: Mapping[str, int], used: set[int]) -> dict[str, int]:
    kept: dict[str, int] = {}
    for name in PORTS:
        port = remembered.get(name, 0)
        if port not in used and _free(name, port):
            kept[name] = port
            used.add(port)
    return kept


def _new(names: list[str], used: set[int]) -> dict[str, int]:
    """Free ports from one block, so that stores starting at the same time rarely reach for the same."""
    admin = [name for name in names if name == S3_ADMIN_PORT]
    others = [name for name in names if name != S3_ADMIN_PORT]
    return _from_block(_ADMIN_BLOCKS, admin, used) | _from_block(_BLOCKS, others, used)


def _from_block(blocks: range, names: list[str], used: set[int]) -> dict[str, int]:
    for first in random.sample(blocks, len(blocks)):
        ports = dict(zip(names, range(first, first + len(names)), strict=True))
        if all(port not in used and _free(name, port) for name, port in ports.items()):
            return ports
    raise CannotRun(f"no free ports between {blocks.start} and {blocks.stop}")


def _free(name: str, port: int) -> bool:
    if name == S3_ADMIN_PORT and not _can_listen(port + ADMIN_GRPC_OFFSET):
        return False
    return _can_listen(port)


def _can_listen(port: int) -> bool:
    if port <= 0:
        return False
    with socket.socket() as probe:
        # As servers do, so that connections lingering from last time do not count.
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
            raise CannotRun(f"{names[port]} and {name} are both {port}")
        names[port] = name
