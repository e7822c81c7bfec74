"""The table of copies, and the places of copies in the rows of objects and segments."""

from typing import Any

from services.metadata.application.ports import Tables
from services.metadata.domain.ids import ObjectId, StorageId
from services.metadata.domain.objects.copies import (
    Copy,
    CopyPlace,
    CopyState,
    decoded_places,
    encoded_places,
    places_of,
)
from services.metadata.domain.objects.object import MediaObject
from services.metadata.domain.segments.segment import StoredSegment
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import STORAGE, Metadata, a_segment, an_object, object_ids

SECOND = StorageId("5d1f6a2e-0000-4000-8000-00000000000b")
THIRD = StorageId("5d1f6a2e-0000-4000-8000-00000000000c")


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
