"""The HTTP server: granian embedded in this process's event loop, which the gRPC channels share.

Embedded, granian serves as many requests a second as its own one-worker process does, within noise,
and a test can start it on port 0 like every other part. RSGI is its leanest interface. The listening
socket is ours: granian's own is opened with SO_REUSEPORT, so a taken port would go unnoticed.
HTTP/1.1 alone: a server that has yet to learn the version waits for a silent connection for ever, and a
proxy in front speaks HTTP/2 to clients if they want it.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from gateway.settings import Settings
from services.shared.errors import StartupError

# Request line and headers together. The server itself answers 431 when it holds this much and still sees
# no end; since it reads in growing steps, up to twice as much may pass.
MAX_HEADER_BYTES: Final = 64 * 1024

_log = logging.getLogger("tams.gateway")


class HttpServer:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.port = port


class _Granian(Server):
    """Granian on a socket that is bound already, and which it closes."""

    def __init__(self, app: Any, listening: socket.socket, settings: Settings) -> None:
        super().__init__(
            app,
            interface=Interfaces.RSGI,
            websockets=False,
            log_enabled=False,
            backlog=settings.max_connections,
            backpressure=settings.max_connections,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=round(settings.idle_seconds * 1000),
                max_buffer_size=MAX_HEADER_BYTES,
            ),
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        descriptor = self._listening.detach()
        # Granian's type stubs know neither the holder's arguments nor the attribute's type.
        self._shd = SocketHolder(descriptor, False, self.backlog)  # type: ignore[call-arg,assignment]


@asynccontextmanager
async def serving(app: Any, settings: Settings) -> AsyncIterator[HttpServer]:
    """Serve until the block ends, then stop accepting and let open requests finish.

    StartupError when the port cannot be bound. Port 0 takes a free one.
    """
    listening = _listen(settings)
    port: int = listening.getsockname()[1]
    server = _Granian(app, listening, settings)
    task = asyncio.create_task(server.serve())
    task.add_done_callback(_stop_process_unless_asked)
    try:
        yield HttpServer(port)
    finally:
        await _stop(server, task, settings.grace_seconds)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.port)
    try:
        listening = socket.create_server(address, family=family, backlog=settings.max_connections)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise StartupError(f"cannot listen on {settings.address}: {why}") from None
    listening.setblocking(False)
    return listening


async def _stop(server: _Granian, task: asyncio.Task[None], grace_seconds: float) -> None:
    task.remove_done_callback(_stop_process_unless_asked)
    server.stop()  # type: ignore[no-untyped-call]
    _, unfinished = await asyncio.wait([task], timeout=grace_seconds)
    if unfinished:
        _log.warning("requests were still open after the grace time")
        task.cancel()


def _stop_process_unless_asked(task: asyncio.Task[None]) -> None:
    _log.critical("the HTTP server ended by itself", exc_info=task.exception())
    signal.raise_signal(signal.SIGTERM)
