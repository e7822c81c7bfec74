import asyncio

from tams.analytics.v1.usage_service_pb2 import StorageUsage

from tests.rpc.analytics.conftest import Analytics, Writer, on_both_engines

pytestmark = on_both_engines

FIRST_BACKEND = "00000000-0000-4000-8000-00000000000a"
SECOND_BACKEND = "00000000-0000-4000-8000-00000000000b"


async def test_an_empty_store_uses_nothing(analytics: Analytics) -> None:
    assert await analytics.usage() == []


async def test_objects_and_bytes_are_counted_for_each_backend(tables: Writer, analytics: Analytics) -> None:
    tables.storage(1, SECOND_BACKEND)
    tables.storage(2, FIRST_BACKEND)
    tables.storage(3, "00000000-0000-4000-8000-00000000000c")
    tables.objects(
        [
            ("a", 1, 100, "registered"),
            ("b", 1, None, "registered"),
            ("c", 1, 7, "allocated"),
            ("d", 1, 5, "unreferenced"),
            ("e", 2, 2**62, "registered"),
            ("f", 2, 2**61, "registered"),
            ("g", None, 30, "registered"),
        ]
    )
    assert await analytics.usage() == [
        StorageUsage(objects=1, measured_objects=1, bytes=30),
        StorageUsage(storage_id=FIRST_BACKEND, objects=2, measured_objects=2, bytes=2**62 + 2**61),
        StorageUsage(
            storage_id=SECOND_BACKEND,
            objects=2,
            measured_objects=1,
            bytes=100,
            allocated_objects=1,
            unreferenced_objects=1,
        ),
    ]


async def test_copies_count_on_their_backends(tables: Writer, analytics: Analytics) -> None:
    tables.storage(1, FIRST_BACKEND)
    tables.storage(2, SECOND_BACKEND)
    tables.objects([("a", 1, 100, "registered"), ("b", 1, 7, "registered"), ("c", 1, 9, "unreferenced")])
    tables.copies([("a", 2, "stored"), ("b", 2, "copying"), ("c", 2, "stored")])
    tables.objects([("d", 2, 11, "registered")])
    tables.copies([("d", 1, "retired")])
    first, second = await analytics.usage()
    assert first == StorageUsage(
        storage_id=FIRST_BACKEND, objects=2, measured_objects=2, bytes=107, unreferenced_objects=2
    )
    assert second == StorageUsage(
        storage_id=SECOND_BACKEND, objects=2, measured_objects=2, bytes=111, allocated_objects=1,
        unreferenced_objects=1,
    )  # fmt: skip


async def test_a_size_after_many_objects_without_one_is_counted(tables: Writer, analytics: Analytics) -> None:
    tables.storage(1, FIRST_BACKEND)
    tables.objects([(f"{n:06}", None, None, "registered") for n in range(70_000)])
    tables.objects([("1", 1, 5, "registered")])
    assert await analytics.usage() == [
        StorageUsage(objects=70_000),
        StorageUsage(storage_id=FIRST_BACKEND, objects=1, measured_objects=1, bytes=5),
    ]


async def test_usage_is_consistent_while_objects_are_written(tables: Writer, analytics: Analytics) -> None:
    tables.storage(1, FIRST_BACKEND)

    def write() -> None:
        for n in range(300):
            tables.objects([(str(n), 1, 10, "registered")])

    writing = asyncio.create_task(asyncio.to_thread(write))
    while not writing.done():
        for backend in await analytics.usage():
            assert backend.bytes == 10 * backend.objects
    await writing
    assert (await analytics.usage())[0].objects == 300
