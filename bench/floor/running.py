"""The floor as processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench import processes
from bench.processes import Process
from tests.support.ports import free_ports


@asynccontextmanager
async def running_floor(folder: Path) -> AsyncIterator[list[Process]]:
    """The HTTP server and the gRPC server behind it."""
    http, rpc = free_ports(2)
    with (
        processes.running("floor-rpc", rpc, ["bench.floor.rpc", str(rpc)], folder) as behind,
        processes.running("floor-http", http, ["bench.floor.http", str(http), str(rpc)], folder) as front,
    ):
        await behind.listening()
        await front.listening()
        yield [front, behind]
