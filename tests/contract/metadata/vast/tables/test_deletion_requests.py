"""Deletions under way that an older version has left."""

from services.metadata.adapters.vast.store import open_vast_store
from services.metadata.adapters.vast.work.deletion_requests import VastDeletions
from services.metadata.application.ports import Tables
from services.shared.timerange import ETERNITY
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import vast_cluster, vast_rows


async def test_all_deletions_of_a_flow_are_marked_when_one_is_claimed() -> None:
    def unmark(tables: Tables) -> None:
        assert isinstance(tables.deletions, VastDeletions)
        view = tables.deletions._view  # noqa: SLF001 - as a version that knew no marks left it
        flow = view.row("flows", "id", flow_id(1))
        assert flow is not None
        view.update("flows", flow, deleting=None)

    with vast_cluster(with_store=True) as cluster:
        async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
            metadata = Metadata(store, deletion_seconds=0)
            await metadata.put(a_flow(1))
            await metadata.register(1, *(a_segment(start, start + 1) for start in range(2500)))
            for _ in range(2):
                await metadata.segments.delete(flow_id(1), ETERNITY, None)
            await store.write(unmark)
            await store.write(lambda tables: tables.deletions.claim("me", 1, 2))
            (flow,) = vast_rows(cluster, "flows")
            under_way = {deletion.id for deletion in await metadata.deletions.latest()}
            assert len(under_way) == 2
            assert set(flow["deleting"].split()) == under_way
