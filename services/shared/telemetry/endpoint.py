"""Serves the metrics of a process at /metrics, on a port of its own, as Prometheus reads them."""

import asyncio
import socket
import socketserver
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, make_wsgi_app

from services.shared.errors import StartupError
from services.shared.telemetry.families import ProcessMetrics
from services.shared.telemetry.metrics import Metrics

# A scraper that sends or reads nothing for so long is left. Scrapes are served one by one.
_PATIENCE_SECONDS: Final = 5.0


def registry_of(metrics: Metrics) -> CollectorRegistry:
    """A registry with the metrics, and those of the process itself: CPU, memory, open files, garbage."""
    registry = CollectorRegistry()
    registry.register(ProcessMetrics(metrics))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


@asynccontextmanager
async def serving_metrics(registry: CollectorRegistry, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; the port, which is a free one for 0. StartupError if it is taken."""
    try:
        server = make_server(host.strip("[]"), port, make_wsgi_app(registry), _Server, _Handler)
    except OSError as error:
        raise StartupError(f"cannot serve metrics on {host}:{port}: {error.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


class _Server(WSGIServer):
    """A server on an address of either family."""

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind the port, without asking a name server for the name of the address."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, *_: object) -> None:
        """Do without a client that fails; it is no fault of this process."""


class _Handler(WSGIRequestHandler):
    """A handler that writes no log, and leaves silent clients."""

    timeout = _PATIENCE_SECONDS

    def log_message(self, *_: object) -> None:
        """Write nothing."""
