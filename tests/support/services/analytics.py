"""The real analytics service in its own process.

It never runs in a process that has the metadata service's file open: two copies of SQLite in one process
remove each other's locks (sqlite.org/howtocorrupt.html, 2.2.1).
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.processes.ports import free_ports
from tests.support.services.engine import ENGINE


@asynccontextmanager
async def running_analytics(folder: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[int]:
    """The port of the service, which reads the tables that belong to a folder. `settings` by name."""
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        **ENGINE.environment(folder),
        "TAMS_ANALYTICS_PORT": str(port),
        "TAMS_ANALYTICS_DRAIN_SECONDS": "0",
        **(settings or {}),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.analytics", env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()
