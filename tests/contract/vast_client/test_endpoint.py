"""An endpoint of the protocol server, and its connections while it stops and starts."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from simulators.vast.database import Database
from simulators.vast.endpoints.endpoint import Endpoint
from simulators.vast.server import DEFAULT_VERSION


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    opened = Endpoint(Database(frozenset({"vastdb"}), DEFAULT_VERSION, ["127.0.0.1"]), None)
    await opened.listen("127.0.0.1", 0)
    yield opened
    await opened.close()
    opened.release()


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_arrives_while_the_endpoint_closes_is_closed(
    endpoint: Endpoint, turns: int
) -> None:
    with socket.create_connection((endpoint.host, endpoint.port)) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await endpoint.close()
        gc.collect()
        client.settimeout(5)
        with suppress(ConnectionResetError):
            assert await asyncio.to_thread(client.recv, 1) == b""


async def test_a_closed_endpoint_can_listen_on_the_same_port_again(endpoint: Endpoint) -> None:
    port = endpoint.port
    for _ in range(3):
        await endpoint.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((endpoint.host, port))
        await endpoint.listen(endpoint.host, port)
        socket.create_connection((endpoint.host, port)).close()


async def test_simultaneous_starts_open_one_socket(endpoint: Endpoint) -> None:
    await endpoint.close()
    await asyncio.gather(*(endpoint.listen(endpoint.host, endpoint.port) for _ in range(3)))
    await endpoint.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((endpoint.host, endpoint.port))


@pytest.mark.parametrize("turns", range(5))
async def test_an_endpoint_started_while_it_closes_is_open_again(endpoint: Endpoint, turns: int) -> None:
    closing = asyncio.create_task(endpoint.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    await asyncio.gather(endpoint.listen(endpoint.host, endpoint.port), closing)
    if turns:
        socket.create_connection((endpoint.host, endpoint.port)).close()
