"""The processes of the floor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.running import processes
from bench.running.processes import Process
from tests.support.processes.ports import free_ports


@asynccontextmanager
async def running_floor(folder: Path) -> AsyncIterator[list[Process]]:
    """The HTTP server and the gRPC server behind it."""
    http, rpc = free_ports(2)
    with (
        processes.running("floor-rpc", rpc, ["bench.floor.rpc", str(rpc)], folder) as rpc_server,
        processes.running(
            "floor-http", http, ["bench.floor.http", str(http), str(rpc)], folder
        ) as http_server,
    ):
        await rpc_server.listening()
        await http_server.listening()
        yield [http_server, rpc_server]
