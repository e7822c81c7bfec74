"""A store whose cache keeps what it has read, so that requests can be counted."""

from collections.abc import AsyncIterator

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.vast_client.cluster import Cluster
from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS, address_of


@pytest.fixture
async def store(server: Server) -> AsyncIterator[VastStore]:
    """A store of the cluster."""
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(cluster, cache_entries=1000, cache_seconds=60, max_waiting=1000) as opened:
        yield opened
