"""The progress of a projection, as the server reports it."""

import pytest

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.store import open_vast_store
from services.vast_client.cluster import Cluster
from tests.support.vast.clusters import KEYS, address_of, vast_server


@pytest.mark.parametrize(
    ("progress", "status"), [(100, "ready"), (40, "building, 40 %"), (0, "building, 0 %")]
)
async def test_a_projection_is_ready_once_all_of_it_is_built(progress: int, status: str) -> None:
    with vast_server(endpoints=1, projection_progress=progress) as server:
        cluster = Cluster(address_of(server.urls), KEYS)
        async with open_vast_store(cluster, cache_entries=1, cache_seconds=0, max_waiting=10) as store:
            (own,) = await VastAdministration(store).projections("segments")
            assert (own.sorted_by, own.also, own.own) == (["object_id"], ["flow", "start_ns"], True)
            assert own.status == status
