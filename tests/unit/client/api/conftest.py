import pytest

from client.api import TamsClient
from tests.support.scripted_server import scripted_server


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


@pytest.fixture
async def tams(server):
    async with TamsClient(server.url, attempts=3) as client:
        yield client
