"""The table of copies, and the places of copies in the rows of objects and segments."""

from typing import Any

import pytest

from services.metadata.application.ports import SegmentQuery, Tables
from services.metadata.domain.ids import FlowId, ObjectId, StorageId
from services.metadata.domain.objects.copies import (
    Copy,
    CopyPlace,
    CopyState,
    decoded_places,
    encoded_places,
    places_of,
)
from services.metadata.domain.objects.object import MediaObject
from services.metadata.domain.segments.lines import CopyLines, SegmentLines
from services.metadata.domain.segments.segment import Segment, StoredSegment
from services.shared.timerange import ETERNITY
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import STORAGE, Metadata, a_segment, a_stored_object, an_object, object_ids

SECOND = StorageId("5d1f6a2e-0000-4000-8000-00000000000b")
THIRD = StorageId("5d1f6a2e-0000-4000-8000-00000000000c")
PLACES = encoded_places([CopyPlace(SECOND, "copy/o"), CopyPlace(THIRD, "c")])


def a_copy(name: str, storage_id: StorageId = SECOND, at: int = 0, **more: Any) -> Copy:
    return Copy(ObjectId(name), storage_id, f"copy/{name}", CopyState.STORED, at, at)._replace(**more)


async def test_copies_are_kept_by_object_and_backend(metadata: Metadata) -> None:
    first, third = a_copy("a"), a_copy("a", THIRD, 5, state=CopyState.COPYING, lease_until_ms=9)
    other = a_copy("b", at=7, state=CopyState.RETIRED)
    await metadata.store.write(lambda tables: tables.copies.put([third, first, other]))

    def all_copies(tables: Tables) -> dict[ObjectId, list[Copy]]:
        return tables.copies.of_objects(object_ids("a", "b", "c"))

    assert await metadata.store.read(all_copies) == {"a": [first, third], "b": [other]}
    changed = third._replace(state=CopyState.RETIRED, changed_ms=8, lease_until_ms=0)
    await metadata.store.write(lambda tables: tables.copies.put([changed]))

    async def idle(state: CopyState, until_ms: int, limit: int = 10) -> list[Copy]:
        return await metadata.store.read(lambda tables: tables.copies.idle(state, until_ms, limit))

    assert await idle(CopyState.RETIRED, 8) == [other, changed]
    assert await idle(CopyState.RETIRED, 8, 1) == await idle(CopyState.RETIRED, 7) == [other]
    assert await idle(CopyState.COPYING, 8) == await idle(CopyState.RETIRED, 6) == []
    await metadata.store.write(lambda tables: tables.copies.remove([changed, other, a_copy("c")]))
    assert await metadata.store.read(all_copies) == {"a": [first]}


async def test_places_are_written_into_objects_and_their_segments(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    await metadata.objects.reserve(flow_id(1), [an_object("o"), an_object("p")])
    inside = a_segment(0, 10, external_urls=())
    assert await metadata.register(1, inside, a_segment(10, 20, "p", external_urls=())) == []
    assert await metadata.register(2, inside) == []
    copies = encoded_places(places_of([a_copy("o", THIRD, 1), a_copy("o", at=2), a_copy("o", at=0)]))

    def place(tables: Tables) -> MediaObject:
        # The backends of places are known from the table of copies.
        tables.copies.put([a_copy("o"), a_copy("o", THIRD)])
        item = tables.objects.get_many(object_ids("o"))[ObjectId("o")]
        moved = item._replace(storage_id=THIRD, storage_path="moved/o", copies=copies)
        tables.objects.place([moved])
        tables.segments.place([moved])
        return moved

    moved = await metadata.store.write(place)
    stored = await metadata.store.read(lambda tables: tables.objects.get_many(object_ids("o", "p")))
    assert stored[ObjectId("o")] == moved
    assert (stored[ObjectId("p")].storage_id, stored[ObjectId("p")].copies) == (STORAGE, None)
    assert decoded_places(copies)[0] == CopyPlace(SECOND, "copy/o")
    counts = await metadata.store.read(lambda tables: tables.objects.count_segments(object_ids("o", "p")))
    assert counts == {"o": 2, "p": 1}
    # A new segment has the places of its object.
    assert await metadata.register(2, a_segment(10, 20, external_urls=())) == []

    def places(segments: list[StoredSegment]) -> list[tuple[str | None, str | None, str | None]]:
        return [(one.storage_id, one.storage_path, one.copies) for one in segments]

    everywhere = THIRD, "moved/o", copies
    assert places(await metadata.all_segments(2)) == [everywhere, everywhere]
    assert places(await metadata.all_segments(1)) == [everywhere, (STORAGE, "path/p", None)]


@pytest.mark.parametrize("reverse", [False, True])
async def test_pages_of_text_have_the_copies_of_their_segments(metadata: Metadata, reverse: bool) -> None:
    await metadata.put_flows((1,))
    flow = await metadata.store.read(lambda tables: tables.flows.get(FlowId(flow_id(1))))
    assert flow is not None
    timeline = flow.timeline
    one, two = (a_stored_object(name, f"path/{name}") for name in ("o", "p"))
    three = a_stored_object("far", None)

    async def lines(copies: str | None, *more: tuple[Segment[ObjectId], MediaObject]) -> SegmentLines:
        pairs = [
            (a_segment(0, 10, external_urls=()), one._replace(copies=copies)),
            (a_segment(10, 20, "p", external_urls=()), two._replace(copies=PLACES)),
            *more,
        ]

        def change(tables: Tables) -> SegmentLines:
            tables.segments.delete(timeline, ETERNITY, None, 10, "now")
            tables.copies.put([a_copy("o"), a_copy("p", THIRD), a_copy("p", STORAGE)])
            tables.segments.insert(timeline, pairs, "now")
            return tables.segments.lines(SegmentQuery(flow_id(1), ETERNITY, reverse=reverse), 5)

        return await metadata.store.write(change)

    everywhere = await lines(PLACES)
    assert (everywhere.storage_ids, everywhere.documents.count(b"\n")) == ((STORAGE,), 2)
    assert everywhere.copies == (CopyLines(SECOND, (), b"copy/o\ncopy/o\n"), CopyLines(THIRD, (), b"c\nc\n"))
    index = 0 if reverse else 1
    assert [copy.indexes for copy in (await lines(None)).copies] == [(index,), (index,)]
    # A page with external URLs is not made of columns.
    mixed = await lines(None, (a_segment(20, 30, "far"), three))
    assert mixed.copies == (CopyLines(SECOND, (1,), b"copy/o\n"), CopyLines(THIRD, (1,), b"c\n"))
    # A damaged text hides copies, and nothing else.
    assert (await lines("[damaged")).documents.count(b"\n") == 2
