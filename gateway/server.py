"""The HTTP server: granian embedded in this process's event loop, which the gRPC channels share.

Embedded, granian serves as many requests a second as its own one-worker process does, within noise, and a
test can start it on port 0 like every other part. We open the listening socket ourselves: granian opens it
with SO_REUSEPORT, which would hide that the port is taken. The server speaks HTTP/1.1 only: one that also
speaks HTTP/2 never times out a connection that sends nothing. A proxy in front can offer HTTP/2.

With a certificate, granian speaks TLS. It reads the certificate once, so a renewed one gets a new worker on
the same socket. The old one keeps its connections until the next renewal, so that no request is lost.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from gateway.http import rsgi
from gateway.http.wire import sockets
from gateway.http.wire.connections import Connections
from gateway.http.wire.tls import HeldPair
from gateway.settings import Settings
from services.shared.errors import StartupError
from services.shared.process.background import background
from services.shared.tls.files import LOOK_SECONDS, CertificateFiles, open_certificates

# For the request line and headers together. The server answers 431 if it has read this much without finding
# their end. It reads in growing steps, so up to twice as much may pass.
MAX_HEADER_BYTES: Final = 64 * 1024

# The number of connections that may wait to be accepted; the system may allow fewer.
_BACKLOG: Final = 4096

_log = logging.getLogger(__name__)


class HttpServer:
    """A running server and the TCP port it listens on."""

    def __init__(self, port: int) -> None:
        self.port = port


class _Granian(Server):
    """Granian on a socket that is already bound. Each worker has a copy of it, which it closes."""

    def __init__(
        self,
        app: rsgi.RsgiApplication,
        listening: socket.socket,
        settings: Settings,
        max_connections: int,
        certificates: CertificateFiles | None,
    ) -> None:
        super().__init__(
            rsgi.application(app),
            interface=Interfaces.ASGINL,
            websockets=False,
            log_enabled=False,
            backlog=_BACKLOG,
            backpressure=max_connections,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=round(settings.idle_seconds * 1000),
                max_buffer_size=MAX_HEADER_BYTES,
            ),
        )
        self._listening = listening
        # The copy of the socket that the present worker has.
        self._accepting = -1
        self._certificates = certificates
        self._pair: HeldPair | None = None
        self._show_certificate()
        self._stopping = False
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serve until `end` is called. RuntimeError if the server ends without that."""
        try:
            await self.serve()
        finally:
            self._ended.set()
        if not self._stopping:
            raise RuntimeError("the HTTP server ended by itself")

    async def end(self, grace_seconds: float) -> None:
        """Stop accepting connections and wait up to `grace_seconds` for open requests."""
        self._stopping = True
        self._listening.close()
        self.stop()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(grace_seconds):
                await self._ended.wait()
        except TimeoutError:
            _log.warning("requests were still open after the grace time")

    async def follow_renewals(self) -> None:
        """Let a new worker take over whenever the certificate was renewed, until cancelled."""
        while self._certificates is not None:
            await asyncio.sleep(LOOK_SECONDS)
            if self._certificates.renew() and not self._stopping:
                await self._replace_worker()

    async def _replace_worker(self) -> None:
        """Start a worker with the new certificate. The one before it serves the connections that it has."""
        older, replaced = self.wrks[:-1], self._accepting
        self._show_certificate()
        self._init_shared_socket()
        worker = self._spawn_worker(0, self._spawn_asgi_worker, self.target)
        self.wrks.append(worker)
        worker.start()  # type: ignore[no-untyped-call]
        _stop_accepting(replaced)
        for ending in older:
            self.wrks.remove(ending)
            ending.terminate()  # type: ignore[no-untyped-call]
            await ending.join()  # type: ignore[no-untyped-call]

    def _show_certificate(self) -> None:
        """Give the certificate to the next worker. Those that run have read theirs."""
        if self._certificates is not None:
            if self._pair is not None:
                self._pair.close()
            self._pair = HeldPair(self._certificates.current)
            # Granian's type stubs have the type of a context without TLS.
            self.ssl_ctx = self._pair.ssl_context  # type: ignore[assignment]

    def _init_shared_socket(self) -> None:
        self._accepting = os.dup(self._listening.fileno())
        # Granian's type stubs have neither the arguments of SocketHolder nor the type of the attribute.
        self._shd = SocketHolder(self._accepting, False, self.backlog)  # type: ignore[call-arg,assignment]


@asynccontextmanager
async def serving(
    app: rsgi.RsgiApplication, connections: Connections, settings: Settings
) -> AsyncIterator[HttpServer]:
    """Serve until the block ends, then stop accepting connections and let open requests finish.

    StartupError if the port cannot be bound, or the certificate cannot be used. Port 0 selects a free one.
    """
    certificates = open_certificates(settings.https_files)
    listening = _listen(settings)
    port: int = listening.getsockname()[1]
    max_connections = _max_connections(settings)
    server = _Granian(app, listening, settings, max_connections, certificates)
    renewals = () if certificates is None else (server.follow_renewals(),)
    async with background(server.run(), connections.watch(port, max_connections), *renewals):
        try:
            yield HttpServer(port)
        finally:
            await server.end(settings.grace_seconds)


def _stop_accepting(descriptor: int) -> None:
    """Let a worker, which has this copy of the listening socket, find no more connections on it.

    A worker that stops would cut those that are just being opened. This one keeps them: its descriptor
    becomes a socket to which nobody connects.
    """
    with socket.create_server(("127.0.0.1", 0)) as unused:
        unused.setblocking(False)
        os.dup2(unused.fileno(), descriptor)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.port)
    try:
        listening = socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StartupError(f"cannot listen on {settings.address}: {reason}") from None
    listening.setblocking(False)
    sockets.set_options(listening, unread_seconds=settings.unread_seconds)
    return listening


def _max_connections(settings: Settings) -> int:
    capacity = sockets.connection_capacity()
    if capacity < settings.max_connections:
        _log.warning(
            "the limit of open files allows %d connections, but max_connections is %d",
            capacity,
            settings.max_connections,
        )
    return min(capacity, settings.max_connections)
