"""Soft deletion of segments, and their restoration."""

from typing import Any

import pytest

from services.metadata.application.delete_options import DeleteOptions
from services.metadata.application.deletion_requests import Deletions
from services.metadata.domain.trash import Trashed
from services.shared.errors import Conflict, FailedPrecondition, NotFound, TamsError
from services.shared.timerange import ETERNITY, TimeRange
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment

SOFT = DeleteOptions(soft=True)


async def unregister(metadata: Metadata, within: TimeRange = ETERNITY, object_id: str | None = None) -> None:
    assert (await metadata.segments.delete(flow_id(1), within, object_id, SOFT)).deletion is None


async def the_entry(metadata: Metadata) -> Trashed:
    (entry,) = (await metadata.trash.page(flow_id(1), None, 0, "")).items
    return entry


async def starts(metadata: Metadata) -> list[int]:
    return [segment.start_ns for segment in await metadata.all_segments(1)]


def rows_of(engine: Engine, table: str) -> list[dict[str, Any]]:
    return engine.rows(table)


@pytest.fixture(autouse=True)
async def flow(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    segments = [a_segment(10 * i, 10 * i + 10, f"o{i % 2}") for i in range(4)]
    assert await metadata.register(1, *segments) == []


async def test_deleted_segments_vanish(metadata: Metadata) -> None:
    await unregister(metadata, TimeRange(0, 20))
    assert await starts(metadata) == [20, 30]
    assert (await metadata.flow(1, ETERNITY))["timerange"] == "[0:20_0:40)"
    await unregister(metadata)
    assert await starts(metadata) == []
    with pytest.raises(NotFound):
        await metadata.references("o0")


async def test_their_time_can_be_used_again(metadata: Metadata) -> None:
    await unregister(metadata, TimeRange(0, 20))
    assert await metadata.register(1, a_segment(5, 15, "new")) == []
    assert await starts(metadata) == [5, 20, 30]


@pytest.mark.parametrize("object_id", [None, "o1"])
async def test_restored_segments_are_as_they_were(
    metadata: Metadata, engine: Engine, object_id: str | None
) -> None:
    before = await metadata.all_segments(1)
    await unregister(metadata, TimeRange(0, 40), object_id)
    await metadata.trash.restore((await the_entry(metadata)).id)
    assert await metadata.all_segments(1) == before
    assert (await metadata.flow(1, ETERNITY))["timerange"] == "[0:0_0:40)"
    assert await metadata.references("o1") == [flow_id(1)]
    assert rows_of(engine, "trash") == []


async def test_restored_segments_must_not_overlap(metadata: Metadata) -> None:
    await unregister(metadata, TimeRange(0, 20))
    assert await metadata.register(1, a_segment(15, 17, "new")) == []
    entry = await the_entry(metadata)
    with pytest.raises(FailedPrecondition) as raised:
        await metadata.trash.restore(entry.id)
    assert raised.value.reason == "SEGMENT_OVERLAP"
    assert await starts(metadata) == [15, 20, 30]
    await metadata.unregister(1, TimeRange(15, 17))
    await metadata.trash.restore(entry.id)
    assert await starts(metadata) == [0, 10, 20, 30]


async def test_segments_do_not_return_to_another_flow(metadata: Metadata) -> None:
    await unregister(metadata)
    entry = await the_entry(metadata)
    await metadata.flows.delete(flow_id(1))
    with pytest.raises(NotFound):
        await metadata.trash.restore(entry.id)
    await metadata.put(a_flow(1))
    with pytest.raises(FailedPrecondition) as raised:
        await metadata.trash.restore(entry.id)
    assert raised.value.reason == "FLOW_REPLACED"


async def test_segments_return_after_their_flow(metadata: Metadata) -> None:
    await unregister(metadata, TimeRange(0, 20))
    entry = await the_entry(metadata)
    await metadata.flows.delete(flow_id(1), SOFT)
    with pytest.raises(TamsError):
        await metadata.trash.restore(entry.id)
    await metadata.trash.restore_flow(flow_id(1))
    await metadata.trash.restore(entry.id)
    assert await starts(metadata) == [0, 10, 20, 30]


async def test_many_segments_move_in_slices(metadata: Metadata, engine: Engine) -> None:
    segments = [a_segment(100 + i, 101 + i, "many") for i in range(2500)]
    assert await metadata.register(1, *segments) == []
    hurried = Deletions(metadata.store, lambda: metadata.now, 0)
    metadata.segments._deletions = hurried  # noqa: SLF001 - so that the deletion is left to the worker
    begun = await metadata.segments.delete(flow_id(1), ETERNITY, None, SOFT)
    assert begun.deletion is not None
    entry = await the_entry(metadata)
    for refused in (metadata.trash.restore(entry.id), metadata.trash.purge(entry.id)):
        with pytest.raises(Conflict) as raised:
            await refused
        assert raised.value.reason == "TRASH_BUSY"
    # The range of the deletion can be used while it continues. Segments registered there stay.
    assert await metadata.register(1, a_segment(0, 10, "new")) == []
    while await metadata.upkeep.once():
        pass
    assert await starts(metadata) == [0]
    await metadata.unregister(1, TimeRange(0, 10))
    await metadata.trash.restore(entry.id)
    assert len(rows_of(engine, "segments")) == 2504
    assert (await metadata.flow(1, ETERNITY))["timerange"] == "[0:0_0:2600)"


async def test_purged_segments_release_their_objects(metadata: Metadata, engine: Engine) -> None:
    await unregister(metadata, ETERNITY, "o1")
    assert not await metadata.trash.purge((await the_entry(metadata)).id)
    assert [row["id"] for row in rows_of(engine, "objects")] == ["o0"]
    assert len(rows_of(engine, "segments")) == 2
