"""A protocol server and a client of it, for tests with the real SDK."""

from collections.abc import Iterator

import pytest

from services.vast_client.cluster import Cluster
from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS, address_of, vast_server


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server() as running:
        yield running


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    cluster = Cluster(address_of(server.urls), KEYS)
    yield cluster
    cluster.close()
