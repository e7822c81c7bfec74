"""Several metadata services on one schema of a VAST database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from simulators.vast.server import Server
from tests.support.processes.health import until_serving
from tests.support.services.metadata import running_metadata
from tests.support.vast.clusters import KEYS


def settings_of(server: Server) -> dict[str, Any]:
    """The settings of a service whose tables are in the database of a server."""
    hosts = ",".join(url.removeprefix("http://") for url in server.urls)
    return {
        "store_url": f"vast://{hosts}/vastdb/tams?tls=false",
        "vast_access_key": KEYS.access_key,
        "vast_secret_key": KEYS.secret_key,
    }


@asynccontextmanager
async def running_replicas(
    server: Server, folder: Path, count: int = 2, **settings: Any
) -> AsyncIterator[list[int]]:
    """The ports of `count` services, all SERVING."""
    async with AsyncExitStack() as stack:
        ports = []
        for _ in range(count):
            started = running_metadata(folder, **settings_of(server), **settings)
            ports.append((await stack.enter_async_context(started)).port)
        for port in ports:
            await until_serving(port)
        yield ports


def address_of_all(ports: Sequence[int]) -> str:
    """An address that stands for several services."""
    return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
