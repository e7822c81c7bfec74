from collections.abc import AsyncIterator, Iterator

import pytest

from client.api import TamsClient
from tests.support.http.scripted_server import ScriptedServer, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
async def tams(server: ScriptedServer) -> AsyncIterator[TamsClient]:
    async with TamsClient(server.url, attempts=3) as client:
        yield client
