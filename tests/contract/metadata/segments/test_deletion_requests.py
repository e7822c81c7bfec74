"""Deletions that continue after their call has returned."""

import pytest

from services.metadata.application.deletion_requests import SLICE
from services.metadata.application.ports import Store
from services.metadata.domain.deletion_request import Deletion, Status
from services.shared.errors import NotFound
from services.shared.timerange import ETERNITY, NEVER, TimeRange
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import Metadata, a_segment

MANY = 2 * SLICE + 500


@pytest.fixture
async def busy(store: Store) -> Metadata:
    """A service that deletes no more than a slice in a call, with a flow of many segments."""
    metadata = Metadata(store, deletion_seconds=0)
    await metadata.put_flows((1, 2))
    await metadata.register(1, *(a_segment(t, t + 1) for t in range(MANY)))
    await metadata.register(2, a_segment(0, 1))
    return metadata


async def finish(metadata: Metadata, deletion: Deletion | None) -> Deletion:
    assert deletion is not None
    for _ in range(5):
        if not await metadata.upkeep.once():
            return await metadata.deletions.get(deletion.id)
    pytest.fail("the upkeep does not end")


async def test_a_large_deletion_continues_in_slices(busy: Metadata, engine: Engine) -> None:
    requested = TimeRange(1, None)
    removed, deletion = await busy.segments.delete(flow_id(1), requested, None)
    assert (removed.segments, removed.span) == (SLICE, TimeRange(1, SLICE + 1))
    assert deletion is not None
    assert (deletion.status, deletion.requested, deletion.delete_flow) == (Status.CREATED, requested, False)
    assert deletion.remaining == TimeRange(SLICE + 1, MANY)
    assert await busy.deletions.latest() == [deletion] == [await busy.deletions.get(deletion.id)]
    await busy.upkeep.once()
    under_way = await busy.deletions.get(deletion.id)
    assert (under_way.status, under_way.remaining) == (Status.STARTED, TimeRange(2 * SLICE + 1, MANY))
    done = await finish(busy, deletion)
    assert (done.status, done.remaining) == (Status.DONE, NEVER)
    assert [segment.start_ns for segment in await busy.all_segments(1)] == [0]
    assert (await busy.flow(1, ETERNITY))["timerange"] == "[0:0_0:1)"
    assert sorted(row["segments"] for row in engine.rows("flow_stats")) == [1, 1]
    assert await busy.references("o") == [flow_id(1), flow_id(2)]


async def test_a_deleted_flow_is_not_found_at_once_and_its_id_is_free(busy: Metadata, engine: Engine) -> None:
    deletion = await busy.flows.delete(flow_id(1))
    assert deletion is not None
    assert deletion.delete_flow
    with pytest.raises(NotFound):
        await busy.flow(1)
    assert await busy.all_segments(1) == []
    await busy.put_flows([1])
    assert await busy.register(1, a_segment(MANY - 1, MANY)) == []
    assert (await finish(busy, deletion)).status is Status.DONE
    assert [segment.start_ns for segment in await busy.all_segments(1)] == [MANY - 1]
    assert len(engine.rows("segments")) == 2
    assert await busy.references("o") == [flow_id(1), flow_id(2)]


async def test_a_deletion_deletes_only_segments_of_its_object_and_range(busy: Metadata) -> None:
    await busy.register(1, a_segment(MANY, MANY + 1, "other"))
    _, deletion = await busy.segments.delete(flow_id(1), TimeRange(10, MANY + 1), "o")
    await finish(busy, deletion)
    assert [segment.start_ns for segment in await busy.all_segments(1)] == [*range(10), MANY]


async def test_a_second_service_takes_over_after_the_lease(busy: Metadata) -> None:
    _, deletion = await busy.segments.delete(flow_id(1), ETERNITY, None)
    other = Metadata(busy.store, deletion_seconds=0)
    await busy.upkeep.once()
    assert not await other.upkeep.once(), "the first service holds the lease"
    other.pass_time(3600)
    assert (await finish(other, deletion)).status is Status.DONE


async def test_records_of_deletions_expire(busy: Metadata) -> None:
    _, deletion = await busy.segments.delete(flow_id(1), ETERNITY, None)
    done = await finish(busy, deletion)
    busy.pass_time(25 * 3600)
    await busy.upkeep.once()
    with pytest.raises(NotFound) as caught:
        await busy.deletions.get(done.id)
    assert caught.value.reason == "DELETION_REQUEST_NOT_FOUND"
    assert await busy.deletions.latest() == []


async def test_a_failed_deletion_has_its_error_and_is_not_continued(busy: Metadata) -> None:
    _, deletion = await busy.segments.delete(flow_id(1), TimeRange(1, None), None)
    assert deletion is not None
    await busy.deletions.fail(deletion.id, "Broken")
    failed = await busy.deletions.get(deletion.id)
    assert (failed.status, failed.error) == (Status.ERROR, "Broken")
    assert failed.expiry_ms is not None
    remaining = len(await busy.all_segments(1))
    await busy.upkeep.once()
    assert len(await busy.all_segments(1)) == remaining
