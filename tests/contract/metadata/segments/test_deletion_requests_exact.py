"""A deletion deletes the segments of its time of request, and none that are registered before it is done."""

import json

import msgspec
import pytest

from services.metadata.application.deletion_requests import MAX_OPEN, SLICE
from services.metadata.application.loads.batches import Batch
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.application.ports import Store, Tables
from services.metadata.application.segments.segments import Registration
from services.metadata.domain.deletion_request import MAX_SPARED, Deletion, Status
from services.metadata.domain.load import Kind
from services.shared.errors import Conflict, Exhausted
from services.shared.ids import new_uuid
from services.shared.timerange import ETERNITY, NEVER, TimeRange
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment

COUNT = 2 * SLICE + 200
# Each segment is 2 ns long, with a hole of 2 ns after it.
END = 4 * COUNT


@pytest.fixture
async def metadata(store: Store) -> Metadata:
    """A service that deletes no more than a slice in a call, with a flow of segments with holes."""
    metadata = Metadata(store, deletion_seconds=0)
    await metadata.put(a_flow(1))
    assert await metadata.register(1, *(a_segment(start, start + 2) for start in range(0, END, 4))) == []
    return metadata


async def request_deletion(
    metadata: Metadata, within: TimeRange = ETERNITY, object_id: str | None = None
) -> Deletion:
    _, deletion = await metadata.segments.delete(flow_id(1), within, object_id)
    assert deletion is not None
    return deletion


async def finish(metadata: Metadata) -> None:
    for _ in range(20):
        if not await metadata.upkeep.once():
            return
    pytest.fail("the upkeep does not end")


async def stored_starts(metadata: Metadata) -> list[int]:
    return [segment.start_ns for segment in await metadata.all_segments(1)]


async def test_segments_registered_later_stay_at_any_place(metadata: Metadata, engine: Engine) -> None:
    deletion = await request_deletion(metadata)
    new = (0, 5, END - 6, END - 2, END, END + 100)
    assert await metadata.register(1, *(a_segment(start, start + 1) for start in new)) == []
    await metadata.upkeep.once()
    assert await metadata.register(1, a_segment(6, 7), a_segment(END - 10, END - 9)) == []
    under_way = await metadata.deletions.get(deletion.id)
    assert (under_way.status, under_way.requested) == (Status.STARTED, ETERNITY)
    assert under_way.remaining == TimeRange(8 * SLICE - 2, END - 2)
    await finish(metadata)
    done = await metadata.deletions.get(deletion.id)
    assert (done.status, done.remaining) == (Status.DONE, NEVER)
    assert await stored_starts(metadata) == sorted([*new, 6, END - 10])
    assert (await metadata.flow(1, ETERNITY))["timerange"] == f"[0:0_0:{END + 101})"
    assert len(engine.rows("segments")) == len(new) + 2


async def test_segments_are_recorded_in_a_range_that_is_being_deleted(metadata: Metadata) -> None:
    await request_deletion(metadata)
    for start in range(0, 40, 2):
        assert await metadata.register(1, a_segment(start, start + 2)) == []
        if start % 10 == 0:
            await metadata.upkeep.once()
    await finish(metadata)
    assert await stored_starts(metadata) == list(range(0, 40, 2))


async def test_a_later_deletion_deletes_segments_that_the_earlier_one_spares(metadata: Metadata) -> None:
    first = await request_deletion(metadata)
    assert await metadata.register(1, a_segment(END - 2, END - 1), a_segment(END, END + 1)) == []
    second = await request_deletion(metadata)
    assert await metadata.register(1, a_segment(END - 6, END - 5), a_segment(END - 1, END)) == []
    await finish(metadata)
    for deletion in (first, second):
        assert (await metadata.deletions.get(deletion.id)).status is Status.DONE
    assert await stored_starts(metadata) == [END - 6, END - 1]


async def test_a_segment_deleted_and_registered_again_during_a_deletion_stays(metadata: Metadata) -> None:
    await request_deletion(metadata)
    await metadata.segments.delete(flow_id(1), TimeRange(END - 4, END), None)
    assert await metadata.register(1, a_segment(END - 4, END - 2)) == []
    await finish(metadata)
    assert await stored_starts(metadata) == [END - 4]


async def test_a_deletion_by_object_spares_new_segments_of_the_object(metadata: Metadata) -> None:
    await request_deletion(metadata, object_id="o")
    assert await metadata.register(1, a_segment(END - 6, END - 5), a_segment(END - 2, END - 1, "p")) == []
    await finish(metadata)
    assert await stored_starts(metadata) == [END - 6, END - 2]


async def test_segments_of_a_bulk_load_are_spared(metadata: Metadata) -> None:
    await request_deletion(metadata)
    loads = BulkLoads(metadata.store, lambda: metadata.now)
    load = await loads.start(new_uuid(), Kind.SEGMENTS)
    row = {"flow_id": flow_id(1), "object_id": "o", "timerange": f"[0:{END - 2}_0:{END - 1})"}
    report = await loads.load(Batch(load.id, 0, json.dumps([row]).encode()))
    assert report.committed
    await finish(metadata)
    assert await stored_starts(metadata) == [END - 2]


async def test_a_deletion_continues_after_its_flow_became_read_only(metadata: Metadata) -> None:
    await request_deletion(metadata)
    await metadata.put(a_flow(1, read_only=True))
    await finish(metadata)
    assert await stored_starts(metadata) == []


async def test_a_recreated_flow_keeps_its_new_segments(metadata: Metadata) -> None:
    await request_deletion(metadata)
    await metadata.flows.delete(flow_id(1))
    await metadata.put(a_flow(1))
    assert await metadata.register(1, a_segment(END - 4, END - 2)) == []
    await finish(metadata)
    assert await stored_starts(metadata) == [END - 4]


async def test_too_many_segments_in_a_range_being_deleted_are_refused(metadata: Metadata) -> None:
    await request_deletion(metadata)
    new = [a_segment(start + 2, start + 3) for start in range(END - 8 - 4 * MAX_SPARED, END - 4, 4)]
    await metadata.put(a_flow(2))
    both = [Registration(flow_id(1), new), Registration(flow_id(2), [a_segment(0, 1)])]
    refused, other = await metadata.segments.create_many(both)
    assert isinstance(refused, Conflict)
    assert (refused.reason, other) == ("RANGE_BEING_DELETED", [])
    assert await metadata.register(1, *new[1:]) == []
    await metadata.deletions.fail((await metadata.deletions.latest())[0].id, "enough")
    assert await metadata.register(1, new[0]) == []


async def test_a_deletion_in_one_flow_does_not_fail_the_rows_of_others_in_a_load(metadata: Metadata) -> None:
    await request_deletion(metadata)
    await metadata.put(a_flow(2))
    stored_starts = range(END - 8 - 4 * MAX_SPARED, END - 4, 4)
    rows = [(1, f"[0:{start + 2}_0:{start + 3})") for start in stored_starts] + [(2, "[0:0_0:1)")]
    loads = BulkLoads(metadata.store, lambda: metadata.now)
    load = await loads.start(new_uuid(), Kind.SEGMENTS)
    urls = [{"url": "https://example.com/o"}]
    documents = [
        {"flow_id": flow_id(number), "object_id": "o", "timerange": within, "get_urls": urls}
        for number, within in rows
    ]
    report = await loads.load(Batch(load.id, 0, json.dumps(documents).encode(), skip_bad=True))
    assert (report.load.inserted, len(report.failures)) == (1, len(rows) - 1)
    assert {failed.error.reason for failed in report.failures} == {"RANGE_BEING_DELETED"}


async def test_the_number_of_deletions_of_a_flow_is_bounded(metadata: Metadata) -> None:
    deletion = await request_deletion(metadata)

    def change(tables: Tables) -> None:
        for number in range(MAX_OPEN):
            tables.deletions.put(msgspec.structs.replace(deletion, id=f"{number}"))

    await metadata.store.write(change)
    remaining = len(await stored_starts(metadata))
    with pytest.raises(Exhausted) as caught:
        await request_deletion(metadata)
    assert caught.value.reason == "TOO_MANY_DELETIONS"
    assert len(await stored_starts(metadata)) == remaining
    await metadata.segments.delete(flow_id(1), TimeRange(END - 4, END), None)
