"""Soft deletion of a flow that is in as many collections as it may be, twice in each of them."""

import asyncio

from services.metadata.application.delete_options import DeleteOptions
from services.metadata.application.flows.collections import MAX_COLLECTORS
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import Document, a_flow, flow_id
from tests.support.metadata.rules import Metadata

ITEMS = [{"id": flow_id(0), "role": role} for role in ("picture", "picture for the studio")]
COLLECTORS = range(1, MAX_COLLECTORS + 1)


async def collections(metadata: Metadata) -> dict[str, object]:
    flows: list[Document] = await metadata.all_flows()
    return {flow["id"]: flow.get("flow_collection") for flow in flows}


async def test_a_flow_in_very_many_collections_is_deleted_softly_and_restored(
    metadata: Metadata, engine: Engine
) -> None:
    await metadata.put(a_flow(0))
    await asyncio.gather(
        *(metadata.put(a_flow(number, "multi", source=1, flow_collection=ITEMS)) for number in COLLECTORS)
    )
    before = await collections(metadata)
    await metadata.flows.delete(flow_id(0), DeleteOptions(soft=True))
    assert set(map(str, (await collections(metadata)).values())) == {"[]"}
    await metadata.trash.restore_flow(flow_id(0))
    assert await collections(metadata) == before
    assert engine.rows("trash") == []
