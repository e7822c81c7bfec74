"""An endpoint of the protocol server: what happens to connections while it stops and starts."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.vast.database import Database
from tests.vast.endpoint import Endpoint
from tests.vast.server import DEFAULT_VERSION


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    one = Endpoint(Database(frozenset({"vastdb"}), DEFAULT_VERSION, ["127.0.0.1"]), None)
    await one.listen("127.0.0.1", 0)
    yield one
    await one.close()
    one.release()


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_arrives_while_it_closes_is_closed(endpoint: Endpoint, turns: int) -> None:
    with socket.create_connection((endpoint.host, endpoint.port)) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await endpoint.close()
        gc.collect()
        client.settimeout(5)
        with suppress(ConnectionResetError):
            assert await asyncio.to_thread(client.recv, 1) == b""


async def test_it_listens_again_on_the_same_port(endpoint: Endpoint) -> None:
    port = endpoint.port
    for _ in range(3):
        await endpoint.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((endpoint.host, port))
        await endpoint.listen(endpoint.host, port)
        socket.create_connection((endpoint.host, port)).close()
