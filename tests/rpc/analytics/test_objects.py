"""Reports about single objects: their accesses, and those with the same bytes."""

import pytest
from tams.analytics.v1.duplicate_service_pb2 import Duplicates
from tams.analytics.v1.object_access_service_pb2 import ListObjectAccessesResponse, ObjectAccess

from tests.rpc.analytics.conftest import Analytics, Writer, on_both_engines
from tests.support.tables.sqlite import PlacedRow

pytestmark = on_both_engines

FIRST, SECOND = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
MD5, PARTS = "0" * 32, f"{'1' * 32}-3"


@pytest.fixture(autouse=True)
def storages(tables: Writer) -> None:
    tables.storage(1, FIRST)
    tables.storage(2, SECOND)


def ids(reply: ListObjectAccessesResponse) -> list[str]:
    return [one.object_id for one in reply.objects]


async def test_an_empty_store_has_neither(analytics: Analytics) -> None:
    assert (await analytics.accesses(least=False)).complete
    assert ids(await analytics.accesses(least=True)) == []
    assert (await analytics.duplicates()).compared_objects == 0


async def test_the_most_and_the_least_accessed_come_in_order(tables: Writer, analytics: Analytics) -> None:
    tables.placed(
        [
            PlacedRow("never", 1, "a"),
            PlacedRow("often", 1, "b", 5, urls=2**40, last_ms=7),
            PlacedRow("late", 2, "c", urls=3, last_ms=9000),
            PlacedRow("early", 1, "d", 0, urls=3, last_ms=8000),
        ]
    )
    tables.objects([("allocated", 1, 7, "allocated"), ("outside", None, 30, "registered")])
    most = await analytics.accesses(least=False)
    assert (ids(most), most.complete) == (["often", "late", "early"], True)
    expected = ObjectAccess(object_id="often", storage_id=FIRST, size=5, urls=2**40)
    expected.last_time.FromMilliseconds(7)
    assert most.objects[0] == expected
    assert ids(await analytics.accesses(least=True)) == ["never", "early", "late", "often"]
    assert ids(await analytics.accesses(least=True, limit=2)) == ["never", "early"]
    assert ids(await analytics.accesses(least=False, limit=1)) == ["often"]
    never = (await analytics.accesses(least=True)).objects[0]
    assert (never.HasField("size"), never.HasField("last_time"), never.urls) == (False, False, 0)


async def test_objects_with_the_same_bytes_are_grouped(tables: Writer, analytics: Analytics) -> None:
    copies = [PlacedRow(f"{n:03}", 1, f"small/{n}", 10, MD5) for n in range(150)]
    large = [PlacedRow(f"large-{n}", 1, f"large/{n}", 2**40, PARTS) for n in range(3)]
    shared = [PlacedRow(name, 1, "one place", 99, "shared") for name in ("x", "y")]
    others = [
        PlacedRow("other size", 1, "1", 11, MD5),
        PlacedRow("elsewhere", 2, "2", 10, MD5),
        PlacedRow("empty", 1, "3", 0, "empty"),
        PlacedRow("also empty", 1, "4", 0, "empty"),
        PlacedRow("no etag", 1, "5", 10),
        PlacedRow("not measured", 1, "6"),
    ]
    tables.placed([*copies, *large, *shared, *others])
    found = await analytics.duplicates()
    assert list(found.groups) == [
        Duplicates(
            storage_id=FIRST, etag=PARTS, size=2**40, places=3, objects=3,
            object_ids=[f"large-{n}" for n in range(3)],
        ),
        Duplicates(
            storage_id=FIRST, etag=MD5, size=10, places=150, objects=150,
            object_ids=[f"{n:03}" for n in range(100)],
        ),
    ]  # fmt: skip
    numbers = found.group_count, found.savable_bytes, found.compared_objects, found.unknown_objects
    assert numbers == (2, 2 * 2**40 + 1490, 150 + 3 + 2 + 2, 2)
    first = await analytics.duplicates(1)
    assert (list(first.groups), first.savable_bytes) == ([found.groups[0]], found.savable_bytes)
