"""Serves the metrics of a process at /metrics, on a port of its own, as Prometheus reads them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, start_http_server

from services.shared.errors import StartupError
from services.shared.telemetry.families import ProcessMetrics
from services.shared.telemetry.metrics import Metrics


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
        server, thread = start_http_server(port, host.strip("[]"), registry)
    except OSError as error:
        raise StartupError(f"cannot serve metrics on {host}:{port}: {error.strerror}") from None
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()
