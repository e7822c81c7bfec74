"""The start and stop of the gateway."""

import asyncio
import os
import signal
import sys

import httpx
import pytest
from tams.metadata.v1.flow_pb2 import Flow
from tams.metadata.v1.flow_service_pb2 import GetFlowRequest

from gateway.bootstrap import running
from gateway.settings import Settings
from services.shared.errors import StartupError
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.rpc.odd_flows import odd_flows
from tests.support.services.gateway import QUICK, new_id, running_gateway


async def test_a_port_in_use_is_reported_in_one_line() -> None:
    async with running_gateway() as tams:
        port = tams.base_url.port
        assert port is not None
        with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            async with running(Settings(port=port)):
                pass


async def test_the_port_is_free_again_after_stopping() -> None:
    async with running_gateway() as tams:
        port = tams.base_url.port
        assert port is not None
        assert (await tams.get("/")).status_code == 200
    async with running_gateway(port=port) as tams:
        assert (await tams.get("/")).status_code == 200


async def test_open_requests_finish_while_new_connections_are_refused() -> None:
    arrived, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(request: GetFlowRequest) -> Flow:
        arrived.set()
        await may_answer.wait()
        return Flow(document=b'{"open":true}')

    async with odd_flows(answer) as address, httpx.AsyncClient(trust_env=False, timeout=120) as client:
        stack = running(Settings(**QUICK | {"metadata_address": address, "grace_seconds": 120}))
        base = f"http://127.0.0.1:{(await stack.__aenter__()).port}"
        open_request = asyncio.create_task(client.get(f"{base}/flows/{new_id()}"))
        await asyncio.wait_for(arrived.wait(), 120)
        stopping = asyncio.create_task(stack.__aexit__(None, None, None))

        async def refused() -> bool:
            try:
                await client.get(f"{base}/")
            except httpx.ConnectError:
                return True
            except httpx.TransportError:
                # The connection was accepted just before the gateway stopped.
                return False
            return False

        await until(refused)
        assert not stopping.done()
        may_answer.set()
        response = await open_request
        await stopping
    assert (response.status_code, response.json()) == (200, {"open": True})


async def test_a_request_that_never_ends_does_not_keep_the_gateway_from_stopping() -> None:
    arrived = asyncio.Event()

    async def answer(request: GetFlowRequest) -> Flow:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError("this event is never set")

    async with odd_flows(answer) as address, httpx.AsyncClient(trust_env=False, timeout=120) as client:
        async with running(Settings(**QUICK | {"metadata_address": address, "grace_seconds": 0.2})) as server:
            stuck = asyncio.create_task(client.get(f"http://127.0.0.1:{server.port}/flows/{new_id()}"))
            await asyncio.wait_for(arrived.wait(), 120)
        stuck.cancel()
        await asyncio.wait([stuck])


async def test_the_health_is_unavailable_before_the_gateway_stops() -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        stack = running(Settings(**QUICK | {"drain_seconds": 300}))
        base = f"http://127.0.0.1:{(await stack.__aenter__()).port}"
        stopping = asyncio.create_task(stack.__aexit__(None, None, None))
        await asyncio.sleep(0)
        for path in ("health", "health/live"):
            assert (await client.get(f"{base}/{path}")).status_code == 503
        assert (await client.get(f"{base}/")).status_code == 200
        assert not stopping.done()
        stopping.cancel()
        await asyncio.wait([stopping])


async def start_process(port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        env=os.environ | {"TAMS_GATEWAY_PORT": str(port), "TAMS_GATEWAY_DRAIN_SECONDS": "0"},
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_serves_until_a_signal_and_stops_without_an_error(stop: signal.Signals) -> None:
    (port,) = free_ports(1)
    process = await start_process(port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        async def answers() -> bool:
            try:
                return (await client.get("/")).status_code == 200
            except httpx.ConnectError:
                return False

        await until(answers)
        second = await start_process(port)
        _, errors = await asyncio.wait_for(second.communicate(), 120)
        assert second.returncode == 1
        assert errors.decode().splitlines() == [
            f"tams gateway: cannot listen on 127.0.0.1:{port}: Address already in use"
        ]
        process.send_signal(stop)
        _, errors = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0
    assert b"Traceback" not in errors
