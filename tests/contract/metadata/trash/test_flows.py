"""Soft deletion of flows, and their restoration."""

from typing import Any

import pytest

from services.metadata.application.delete_options import DeleteOptions
from services.metadata.domain.objects.object import State
from services.metadata.domain.trash import Trashed
from services.shared.access import caller
from services.shared.access.principal import Principal, Scope
from services.shared.errors import FailedPrecondition, NotFound, PermissionDenied
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment

SOFT = DeleteOptions(soft=True)
WEEK = 7 * 24 * 3600


async def delete(metadata: Metadata, number: int) -> None:
    assert await metadata.flows.delete(flow_id(number), SOFT) is None


async def entries(metadata: Metadata, **wanted: Any) -> list[Trashed]:
    page = await metadata.trash.page(wanted.get("flow_id"), wanted.get("source_id"), 0, "")
    return list(page.items)


async def test_a_deleted_flow_vanishes_with_its_source_and_its_objects(metadata: Metadata) -> None:
    await metadata.put(a_flow(1, tags={"a": "1"}))
    assert await metadata.register(1, a_segment(0, 10)) == []
    await delete(metadata, 1)
    assert await metadata.all_flows() == []
    assert await metadata.all_flows(tags={"a": "1"}) == []
    assert await metadata.all_sources() == []
    assert await metadata.all_segments(1) == []
    with pytest.raises(NotFound):
        await metadata.references("o")


async def test_a_restored_flow_is_as_it_was(metadata: Metadata) -> None:
    await metadata.put(a_flow(1, tags={"a": "1"}, label="one"))
    assert await metadata.register(1, a_segment(0, 10), a_segment(10, 20, "p")) == []
    before = await metadata.flow(1), await metadata.source(1), await metadata.all_segments(1)
    await delete(metadata, 1)
    metadata.pass_time()
    await metadata.trash.restore_flow(flow_id(1))
    assert (await metadata.flow(1), await metadata.source(1), await metadata.all_segments(1)) == before
    assert await metadata.all_flows(tags={"a": "1"}) == await metadata.all_flows()
    assert await metadata.references("o") == [flow_id(1)]
    assert await entries(metadata) == []
    assert await metadata.register(1, a_segment(20, 30)) == []
    assert len(await metadata.all_segments(1)) == 3


async def test_the_trash_lists_who_deleted_what(metadata: Metadata) -> None:
    await metadata.put_flows([1, 2])
    assert await metadata.register(1, a_segment(0, 10)) == []
    await metadata.flows.delete(flow_id(1), DeleteOptions(soft=True, deleted_by="an operator"))
    await delete(metadata, 2)
    (entry,) = await entries(metadata, flow_id=flow_id(1))
    assert (entry.source_id, str(entry.timerange), entry.deleted_by) == (
        source_id(1), "[0:0_0:10)", "an operator",
    )  # fmt: skip
    assert entry.purge_ms - entry.deleted_ms == WEEK * 1000
    (entry,) = await entries(metadata, source_id=source_id(2))
    assert (entry.flow_id, entry.deleted_by) == (flow_id(2), "system")
    assert len(await entries(metadata)) == 2
    page = await metadata.trash.page(None, None, 1, "")
    rest = await metadata.trash.page(None, None, 1, page.next_token)
    assert {page.items[0].flow_id, rest.items[0].flow_id} == {flow_id(1), flow_id(2)}
    assert not rest.next_token


async def test_only_admins_give_the_name_of_another(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    token = caller.principal.set(Principal.of("user:alice", [Scope.DELETE]))
    try:
        with pytest.raises(PermissionDenied, match="lacks the scope admin"):
            await metadata.flows.delete(flow_id(1), DeleteOptions(deleted_by="user:bob"))
        await metadata.flows.delete(flow_id(1), SOFT)
    finally:
        caller.principal.reset(token)
    (entry,) = await entries(metadata)
    assert entry.deleted_by == "user:alice"


async def test_the_id_of_a_deleted_flow_can_be_used_again(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    assert await metadata.register(1, a_segment(0, 10)) == []
    await delete(metadata, 1)
    await metadata.put(a_flow(1, label="another"))
    assert await metadata.all_segments(1) == []
    assert await metadata.register(1, a_segment(0, 5, "p")) == []
    with pytest.raises(FailedPrecondition) as raised:
        await metadata.trash.restore_flow(flow_id(1))
    assert raised.value.reason == "FLOW_EXISTS"
    await metadata.flows.delete(flow_id(1))
    await metadata.trash.restore_flow(flow_id(1))
    assert [segment.end_ns for segment in await metadata.all_segments(1)] == [10]


async def test_a_flow_cannot_return_to_a_source_of_another_format(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    await delete(metadata, 1)
    await metadata.put(a_flow(2, "audio", source=1))
    with pytest.raises(FailedPrecondition) as raised:
        await metadata.trash.restore_flow(flow_id(1))
    assert raised.value.reason == "FORMAT_CONFLICT"


async def test_a_flow_returns_to_its_collections(metadata: Metadata) -> None:
    await metadata.put_flows([1, 2])
    items = [{"id": flow_id(1), "role": "a"}, {"id": flow_id(2), "role": "b"}]
    await metadata.put(a_flow(3, "multi", flow_collection=items))
    before = await metadata.source(3)
    await delete(metadata, 1)
    assert (await metadata.flow(3))["flow_collection"] == items[1:]
    await metadata.trash.restore_flow(flow_id(1))
    assert (await metadata.flow(3))["flow_collection"] == items
    assert (await metadata.flow(1))["collected_by"] == [flow_id(3)]
    assert (await metadata.source(3))["source_collection"] == before["source_collection"]


async def test_a_collection_is_restored_after_its_members(metadata: Metadata) -> None:
    await metadata.put_flows([1, 2])
    items = [{"id": flow_id(1), "role": "a"}, {"id": flow_id(2), "role": "b"}]
    await metadata.put(a_flow(3, "multi", flow_collection=items))
    await delete(metadata, 3)
    await metadata.flows.delete(flow_id(2))
    await delete(metadata, 1)
    with pytest.raises(FailedPrecondition) as raised:
        await metadata.trash.restore_flow(flow_id(3))
    assert raised.value.reason == "MEMBER_IN_TRASH"
    await metadata.trash.restore_flow(flow_id(1))
    await metadata.trash.restore_flow(flow_id(3))
    assert (await metadata.flow(3))["flow_collection"] == items[:1]


async def test_the_trash_is_purged_after_its_time(engine: Engine, metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    segments = [a_segment(i, i + 1, f"o{i}") for i in range(1500)]
    assert await metadata.register(1, *segments) == []
    await delete(metadata, 1)
    metadata.pass_time(WEEK - 1)
    while await metadata.upkeep.once():
        pass
    assert len(engine.rows("segments")) == 1500
    metadata.pass_time(1)
    assert await metadata.upkeep.once()
    with pytest.raises(FailedPrecondition) as raised:
        await metadata.trash.restore_flow(flow_id(1))
    assert raised.value.reason == "PURGE_BEGUN"
    while await metadata.upkeep.once():
        pass
    for table in ("segments", "trash", "objects"):
        assert engine.rows(table) == []
    left = engine.rows("flow_stats" if table_of(engine) == "sqlite" else "timelines")
    assert left == []


async def test_an_entry_can_be_purged_at_once(engine: Engine, metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    assert await metadata.register(1, a_segment(0, 10)) == []
    await delete(metadata, 1)
    (entry,) = await entries(metadata)
    assert not await metadata.trash.purge(entry.id)
    assert engine.rows("segments") == engine.rows("trash") == []
    with pytest.raises(NotFound):
        await metadata.trash.purge(entry.id)
    with pytest.raises(NotFound):
        await metadata.trash.restore_flow(flow_id(1))


async def test_objects_in_the_trash_are_not_reclaimed(metadata: Metadata, engine: Engine) -> None:
    await metadata.put(a_flow(1))
    assert await metadata.register(1, a_segment(0, 10)) == []
    await delete(metadata, 1)
    assert [row["state"] for row in engine.rows("objects")] == [str(State.REGISTERED)]


def table_of(engine: Engine) -> str:
    return "sqlite" if hasattr(engine.store, "database") else "vast"
