"""Access to the sockets of the HTTP server, which does not expose them: options, state, and reset.

Only Linux reports the state of sockets. On other systems no connection is listed, so none is closed early.
"""

import contextlib
import os
import resource
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_DESCRIPTORS: Final = Path("/proc/self/fd")
_IS_SUPPORTED: Final = _DESCRIPTORS.is_dir() and hasattr(socket, "TCP_INFO")
# Descriptors that this process needs besides those of clients: channels to services, logs, files to send.
_SPARE_FILES: Final = 64
# The bytes of a response that the kernel buffers before it sends them; by default it buffers megabytes.
_UNSENT_BYTES: Final = 512 * 1024

_FAMILIES: Final = (int(socket.AF_INET), int(socket.AF_INET6))

# Fields of struct tcp_info in linux/tcp.h: number of unacknowledged segments, milliseconds since data was
# last sent and received, acknowledged bytes, unsent bytes.
_INFO: Final = struct.Struct("=24x I 16x I 4x I 64x Q 16x I")


class Accepted(NamedTuple):
    """The state of a connection of a client. `client` is "address port"."""

    client: str
    descriptor: int
    read_bytes: int  # acknowledged bytes of all responses
    has_unread: bool  # more bytes are on their way
    sent_seconds: float  # since data was last sent
    received_seconds: float  # since data was last received


def set_options(listening: socket.socket, *, unread_seconds: float) -> None:
    """Set options that accepted connections inherit.

    The kernel then closes a connection whose client reads nothing for `unread_seconds`, and buffers little.
    """
    for name, value in (
        ("TCP_USER_TIMEOUT", round(unread_seconds * 1000)),
        ("TCP_NOTSENT_LOWAT", _UNSENT_BYTES),
    ):
        if hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def connection_capacity() -> int:
    """The number of connections that the limit of open files allows, after raising it as far as possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(1, limit - open_files() - _SPARE_FILES) if limit != resource.RLIM_INFINITY else 2**31


def open_files() -> int:
    """The number of descriptors that this process has open; 0 on systems without /proc."""
    return len(_descriptors())


def accepted(port: int) -> Iterator[Accepted]:
    """The state of each connection to a port of this process."""
    for name in _descriptors():
        if (borrowed := _borrow(int(name))) is None:
            continue
        try:
            connection = _state(borrowed, int(name), port)
        finally:
            borrowed.detach()
        if connection is not None:
            yield connection


def reset(connection: Accepted) -> None:
    """Reset a connection and discard its unread bytes; nothing happens if it has already ended."""
    if (borrowed := _borrow(connection.descriptor)) is None:
        return
    # A copy, because the server may close its descriptor at any time and reuse it for another connection.
    try:
        copy = socket.socket(fileno=os.dup(borrowed.fileno()))
    except OSError:
        return
    finally:
        borrowed.detach()
    with copy, contextlib.suppress(OSError):
        if _client(copy) == connection.client:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            copy.shutdown(socket.SHUT_RDWR)


def _descriptors() -> list[str]:
    return os.listdir(_DESCRIPTORS) if _IS_SUPPORTED else []  # noqa: PTH208 - only names are needed


def _borrow(descriptor: int) -> socket.SocketType | None:
    """A socket object for a descriptor that it does not own, so it must be detached; None if it is no socket.

    Other files are left alone: closing any descriptor of a file releases the locks on that file.
    """
    try:
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
        return socket.SocketType(fileno=descriptor) if is_socket else None
    except OSError:
        return None


def _state(borrowed: socket.SocketType, descriptor: int, port: int) -> Accepted | None:
    """The state of the socket; None unless it is a connection to the port."""
    try:
        if borrowed.family not in _FAMILIES or borrowed.getsockname()[1] != port:
            return None
        client = _client(borrowed)
        info = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
    except OSError:
        return None  # it is the listening socket, or the connection has ended
    if len(info) < _INFO.size:
        return None  # an old kernel reports fewer fields
    unacknowledged, sent_ms, received_ms, read_bytes, unsent = _INFO.unpack(info)
    has_unread = bool(unacknowledged or unsent)
    return Accepted(client, descriptor, read_bytes, has_unread, sent_ms / 1000, received_ms / 1000)


def _client(connected: socket.SocketType) -> str:
    host, port = connected.getpeername()[:2]
    return f"{host.partition('%')[0]} {port}"
