import asyncio
import socket
from contextlib import AsyncExitStack

import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.shared.errors import StartupError, Unavailable
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import LIVENESS
from services.shared.settings import ProcessSettings
from tests.rpc.shared.conftest import FLOWS, calling, echo, serving_flows
from tests.support.health import NOT_SERVING, SERVING, status, watching


async def test_a_taken_port_is_a_startup_error():
    async with serving_flows(echo) as server:
        with pytest.raises(StartupError, match=f"127.0.0.1:{server.port}"):
            async with serving_flows(echo, ProcessSettings(port=server.port)):
                pass
        async with calling(server.port) as caller:
            assert await caller.get("still there") == "still there"


async def test_a_port_taken_by_another_program_is_a_startup_error():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StartupError):
            async with serving_flows(echo, ProcessSettings(port=other.getsockname()[1])):
                pass


async def test_an_address_that_is_not_here_is_a_startup_error():
    with pytest.raises(StartupError):
        async with serving_flows(echo, ProcessSettings(host="192.0.2.1")):
            pass


async def test_a_port_is_free_again_after_the_server():
    async with serving_flows(echo) as server:
        port = server.port
    async with serving_flows(echo, ProcessSettings(port=port, drain_seconds=0)) as server:
        assert server.port == port


async def test_health_is_as_reported_for_the_whole_and_each_service():
    async with serving_flows(echo) as server:
        for name in ("", FLOWS.full_name):
            assert await status(server.port, name) == SERVING
        await server.report(serving=False)
        for name in ("", FLOWS.full_name):
            assert await status(server.port, name) == NOT_SERVING
        assert await status(server.port, LIVENESS) == SERVING
        await server.report(serving=True)
        assert await status(server.port, FLOWS.full_name) == SERVING


async def test_a_server_that_is_not_ready_never_says_it_is():
    async with serving_flows(echo, ready=False) as server:
        assert await status(server.port) == NOT_SERVING
        assert await status(server.port, LIVENESS) == SERVING


async def test_reflection_lists_the_services():
    async with serving_flows(echo) as server, open_channel(f"127.0.0.1:{server.port}", [FLOWS]) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        async for reply in stub.ServerReflectionInfo(asked):
            names = {one.name for one in reply.list_services_response.service}
    assert names >= {FLOWS.full_name, "grpc.health.v1.Health"}


async def test_stopping_lets_open_calls_finish_and_tells_balancers_first():
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(text: str) -> str:
        reached.set()
        await go_on.wait()
        return text

    async def serve() -> None:
        async with serving_flows(wait, ProcessSettings(drain_seconds=0.2, grace_seconds=120)) as server:
            ports.set_result(server.port)
            await stop.wait()

    ports, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    served = asyncio.create_task(serve())
    port = await ports
    async with calling(port) as caller, watching(port) as following:
        assert await following() == SERVING
        pending = asyncio.create_task(caller.get("finished"))
        await reached.wait()
        stop.set()
        assert await following() == NOT_SERVING
        assert not served.done()
        go_on.set()
        assert await pending == "finished"
    await served


async def test_calls_that_outlast_the_grace_time_are_ended():
    reached = asyncio.Event()

    async def wait(text: str) -> str:
        reached.set()
        await asyncio.Event().wait()
        return text

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving_flows(wait))
        async with calling(server.port) as caller:
            pending = asyncio.create_task(caller.delete("text"))
            await reached.wait()
            await stack.aclose()
            with pytest.raises(Unavailable):
                await pending
