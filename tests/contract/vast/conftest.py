"""A protocol server and a cluster on it, for tests of what stands on the real SDK."""

from collections.abc import Iterator

import pytest

from services.shared.vast.cluster import Cluster
from tests.support.vast import KEYS, address_of, vast_server
from tests.vast.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server() as running:
        yield running


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    opened = Cluster(address_of(server.urls), KEYS)
    yield opened
    opened.close()
