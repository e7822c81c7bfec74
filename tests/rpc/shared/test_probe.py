import asyncio
import socket
import sys

from services.shared.process.settings import ProcessSettings
from services.shared.rpc.probe import is_serving
from services.shared.rpc.server import LIVENESS, serving

SETTINGS = ProcessSettings(drain_seconds=0, grace_seconds=0)


async def test_a_running_server_is_serving() -> None:
    async with serving(SETTINGS, []) as server:
        assert await asyncio.to_thread(is_serving, f"127.0.0.1:{server.port}")


async def test_a_server_that_reports_a_failure_is_alive_but_not_serving() -> None:
    async with serving(SETTINGS, []) as server:
        await server.report(serving=False)
        assert not await asyncio.to_thread(is_serving, f"127.0.0.1:{server.port}")
        assert await asyncio.to_thread(is_serving, f"127.0.0.1:{server.port}", LIVENESS)


def test_an_unused_port_is_not_serving() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not is_serving(f"127.0.0.1:{unused.getsockname()[1]}")


async def test_the_exit_code_shows_whether_the_server_is_serving() -> None:
    async with serving(SETTINGS, []) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.shared.rpc.probe", f"127.0.0.1:{server.port}"
        )
        assert await process.wait() == 0
        await server.report(serving=False)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.shared.rpc.probe", f"127.0.0.1:{server.port}"
        )
        assert await process.wait() == 1
