import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.shared.errors import StartupError, Unavailable
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import LIVENESS
from tests.rpc.shared.conftest import FLOWS, echo, open_caller, serving_flows
from tests.support.processes.health import NOT_SERVING, SERVING, status, watching


async def test_a_port_in_use_is_a_startup_error() -> None:
    async with serving_flows(echo) as server:
        with pytest.raises(StartupError, match=f"127.0.0.1:{server.port}"):
            async with serving_flows(echo, ProcessSettings(port=server.port)):
                pass
        async with open_caller(server.port) as caller:
            assert await caller.get("still there") == "still there"


async def test_a_port_in_use_by_another_program_is_a_startup_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StartupError):
            async with serving_flows(echo, ProcessSettings(port=other.getsockname()[1])):
                pass


async def test_an_address_of_another_machine_is_a_startup_error() -> None:
    with pytest.raises(StartupError):
        async with serving_flows(echo, ProcessSettings(host="192.0.2.1")):
            pass


async def test_a_port_is_free_again_after_the_server_has_stopped() -> None:
    async with serving_flows(echo) as server:
        port = server.port
    async with serving_flows(echo, ProcessSettings(port=port, drain_seconds=0)) as server:
        assert server.port == port


async def test_the_reported_health_is_that_of_the_server_and_each_service() -> None:
    async with serving_flows(echo) as server:
        for name in ("", FLOWS.full_name):
            assert await status(server.port, name) == SERVING
        await server.report(serving=False)
        for name in ("", FLOWS.full_name):
            assert await status(server.port, name) == NOT_SERVING
        assert await status(server.port, LIVENESS) == SERVING
        await server.report(serving=True)
        assert await status(server.port, FLOWS.full_name) == SERVING


async def test_a_server_that_is_not_ready_is_not_serving_but_alive() -> None:
    async with serving_flows(echo, ready=False) as server:
        assert await status(server.port) == NOT_SERVING
        assert await status(server.port, LIVENESS) == SERVING


async def test_reflection_lists_the_services() -> None:
    async with serving_flows(echo) as server, open_channel(f"127.0.0.1:{server.port}", [FLOWS]) as channel:
        # The type stubs lack channels of asyncio and the method.
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]
        requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        async for reply in stub.ServerReflectionInfo(requests):
            names = {service.name for service in reply.list_services_response.service}
    assert names >= {FLOWS.full_name, "grpc.health.v1.Health"}


async def test_a_stopping_server_is_not_serving_and_finishes_open_calls() -> None:
    reached, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(text: str) -> str:
        reached.set()
        await may_answer.wait()
        return text

    async def serve() -> None:
        async with serving_flows(wait, ProcessSettings(drain_seconds=0.2, grace_seconds=120)) as server:
            ports.set_result(server.port)
            await stop.wait()

    ports, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    served = asyncio.create_task(serve())
    port = await ports
    async with open_caller(port) as caller, watching(port) as following:
        assert await following() == SERVING
        pending = asyncio.create_task(caller.get("finished"))
        await reached.wait()
        stop.set()
        assert await following() == NOT_SERVING
        assert not served.done()
        may_answer.set()
        assert await pending == "finished"
    await served


async def test_calls_that_outlast_the_grace_period_are_cancelled() -> None:
    reached = asyncio.Event()

    async def wait(text: str) -> str:
        reached.set()
        await asyncio.Event().wait()
        return text

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving_flows(wait))
        async with open_caller(server.port) as caller:
            pending = asyncio.create_task(caller.delete("text"))
            await reached.wait()
            await stack.aclose()
            with pytest.raises(Unavailable):
                await pending
