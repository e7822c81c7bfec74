"""Flows with many tags and collections: their limits, and changes that cost the same as for small flows."""

import json
from typing import Any

import pytest

from services.metadata.application.flows import collections
from services.metadata.application.loads.batches import Batch
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.documents.tags import MAX_TAGS, tag_changes
from services.metadata.domain.flows.flow import parse_flow
from services.metadata.domain.load import Kind
from services.metadata.domain.property import PropertyChange
from services.metadata.domain.webhooks.event import FLOW_DELETED, FLOW_UPDATED
from services.shared.errors import InvalidArgument
from services.shared.ids import new_uuid
from tests.contract.metadata.conftest import Engine
from tests.contract.metadata.flows.test_collections import collecting
from tests.contract.metadata.webhooks.test_events import pull, subscribe, subscribers
from tests.support.metadata.flows import a_flow, encoded, flow_id, source_id
from tests.support.metadata.rules import Metadata

__all__ = ["subscribers"]

TAGS = {f"{number}": "v" for number in range(MAX_TAGS)}
MORE = PropertyChange(None, "more", b'"v"')


async def refusal_reason(change: Any) -> str:
    with pytest.raises(InvalidArgument) as caught:
        await change
    return caught.value.reason


async def test_the_number_of_tags_of_a_flow_is_bounded(metadata: Metadata) -> None:
    await metadata.put(a_flow(1, tags=TAGS))
    assert await refusal_reason(metadata.put(a_flow(1, tags=TAGS | {"more": "v"}))) == "TOO_MANY_TAGS"
    assert await refusal_reason(metadata.flows.update(flow_id(1), [MORE])) == "TOO_MANY_TAGS"
    all_tags = PropertyChange("tags", None, json.dumps(TAGS | {"more": "v"}).encode())
    assert await refusal_reason(metadata.flows.update(flow_id(1), [all_tags])) == "TOO_MANY_TAGS"
    await metadata.flows.update(flow_id(1), [PropertyChange(None, "0", None), MORE])
    assert (await metadata.flow(1))["tags"].keys() == TAGS.keys() - {"0"} | {"more"}


async def test_the_number_of_tags_of_a_source_is_bounded(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    all_tags = PropertyChange("tags", None, json.dumps(TAGS).encode())
    await metadata.sources.update(source_id(1), [all_tags])
    assert await refusal_reason(metadata.sources.update(source_id(1), [MORE])) == "TOO_MANY_TAGS"


@pytest.mark.parametrize("kind", [Kind.FLOWS, Kind.SOURCES])
async def test_a_row_with_too_many_tags_is_refused_in_a_load(
    store: Store, metadata: Metadata, kind: Kind
) -> None:
    loads = BulkLoads(store, lambda: metadata.now)
    load = await loads.start(new_uuid(), kind)
    flow = a_flow(1, tags=TAGS | {"more": "v"})
    row = flow if kind is Kind.FLOWS else {name: flow[name] for name in ("id", "format", "tags")}
    report = await loads.load(Batch(load.id, 0, json.dumps([row]).encode()))
    assert [failure.error.reason for failure in report.failures] == ["TOO_MANY_TAGS"]


async def test_flows_are_found_by_their_current_tags(metadata: Metadata) -> None:
    await metadata.put(a_flow(1, tags={"a": "1", "b": "1"}))
    await metadata.put(a_flow(1, tags={"a": "2", "c": "1"}))
    for tags, found in (({"a": "1"}, 0), ({"a": "2"}, 1), ({"b": "1"}, 0), ({"c": "1"}, 1)):
        assert len(await metadata.all_flows(tags=tags)) == found
    await metadata.flows.delete(flow_id(1))
    await metadata.put(a_flow(1))
    assert await metadata.all_flows(tags={"c": "1"}) == []


async def test_only_tags_that_change_are_written(metadata: Metadata, engine: Engine) -> None:
    await metadata.put(a_flow(1, tags={"a": "1", "b": "1"}))

    def change_silently(tables: Tables) -> None:
        """Change the row of a tag, which only a change that writes all tags would correct."""
        document = encoded(a_flow(1, tags={"a": "1", "b": "1"}) | {"created": "2026"})
        tables.flows.put(parse_flow(document), document, tag_changes({}, {"b": "spoilt"}))

    await metadata.store.write(change_silently)
    await metadata.put(a_flow(1, label="x", tags={"a": "2", "b": "1"}))
    rows = {row["name"]: row["value"] for row in engine.rows("tags")}
    assert rows == {"a": "2", "b": "spoilt"}


async def put_collections(metadata: Metadata, count: int) -> None:
    """Store flow 1 and `count` flows that collect it, half of them of the same source."""
    await metadata.put(a_flow(1))
    for number in range(2, count + 2):
        source = 2 if number % 2 else number
        await metadata.put(collecting(number, (1, "a"), source=source))


async def test_a_deleted_flow_leaves_many_collections_in_slices(
    metadata: Metadata, subscribers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "_SLICE", 4)
    await put_collections(metadata, 11)
    webhook_id = await subscribe(subscribers)
    writes = 0
    write = metadata.store.write

    async def count_writes(change: Any) -> Any:
        nonlocal writes
        writes += 1
        return await write(change)

    monkeypatch.setattr(metadata.store, "write", count_writes)
    await metadata.flows.delete(flow_id(1))
    assert writes == 3
    flows = await metadata.all_flows()
    assert [flow["flow_collection"] for flow in flows] == [[]] * 11
    sources = await metadata.all_sources()
    assert not any({"source_collection", "collected_by"} & source.keys() for source in sources)
    event_types = [
        event_type
        for event_type, key in await pull(subscribers, webhook_id)
        if key in {flow_id(n) for n in range(1, 13)}
    ]
    assert sorted(event_types) == sorted([*[FLOW_UPDATED] * 11, FLOW_DELETED])


async def test_an_interrupted_deletion_leaves_consistent_collections(
    metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "_SLICE", 4)
    await put_collections(metadata, 6)
    write = metadata.store.write

    async def write_once(change: Any) -> Any:
        await write(change)
        raise InterruptedError

    monkeypatch.setattr(metadata.store, "write", write_once)
    with pytest.raises(InterruptedError):
        await metadata.flows.delete(flow_id(1))
    monkeypatch.setattr(metadata.store, "write", write)
    collectors = {flow["id"] for flow in await metadata.all_flows() if flow.get("flow_collection")}
    assert len(collectors) == 2
    assert (await metadata.flow(1))["collected_by"] == sorted(collectors)
    await metadata.flows.delete(flow_id(1))
    assert not any(flow["flow_collection"] for flow in await metadata.all_flows())


async def test_the_number_of_collections_of_a_flow_is_bounded(
    metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "MAX_COLLECTORS", 3)
    await put_collections(metadata, 3)
    assert await refusal_reason(metadata.put(collecting(9, (1, "a")))) == "BAD_COLLECTION"
    value = encoded([{"id": flow_id(1), "role": "a"}])
    await metadata.put(collecting(9))
    change = [PropertyChange("flow_collection", None, value)]
    assert await refusal_reason(metadata.flows.update(flow_id(9), change)) == "BAD_COLLECTION"
    await metadata.put(collecting(2, (1, "b"), source=2, label="a collector may change and go on collecting"))
    await metadata.put(collecting(3, source=2))
    await metadata.put(collecting(9, (1, "a")))
