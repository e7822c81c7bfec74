import asyncio

from tams.analytics.v1.usage_service_pb2 import StorageUsage

ONE = "00000000-0000-4000-8000-00000000000a"
TWO = "00000000-0000-4000-8000-00000000000b"


async def test_an_empty_store_uses_nothing(analytics):
    assert await analytics.usage() == []


async def test_objects_and_bytes_of_each_backend(tables, analytics):
    tables.storage(1, TWO)
    tables.storage(2, ONE)
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
        StorageUsage(storage_id=ONE, objects=2, measured_objects=2, bytes=2**62 + 2**61),
        StorageUsage(
            storage_id=TWO,
            objects=2,
            measured_objects=1,
            bytes=100,
            allocated_objects=1,
            unreferenced_objects=1,
        ),
    ]


async def test_sizes_may_turn_up_after_a_whole_batch_without(tables, analytics):
    tables.storage(1, ONE)
    tables.objects([(f"{n:06}", None, None, "registered") for n in range(70_000)])
    tables.objects([("1", 1, 5, "registered")])
    assert await analytics.usage() == [
        StorageUsage(objects=70_000),
        StorageUsage(storage_id=ONE, objects=1, measured_objects=1, bytes=5),
    ]


async def test_answers_while_a_writer_writes(tables, analytics):
    tables.storage(1, ONE)

    def write() -> None:
        for n in range(300):
            tables.objects([(str(n), 1, 10, "registered")])

    writing = asyncio.create_task(asyncio.to_thread(write))
    while not writing.done():
        for backend in await analytics.usage():
            assert backend.bytes == 10 * backend.objects
    await writing
    assert (await analytics.usage())[0].objects == 300
