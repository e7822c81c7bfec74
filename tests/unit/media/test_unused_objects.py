import asyncio

import pytest

from services.media.application.reclamation import BATCH, Reclamation
from services.media.application.size_reader import SizeReader
from services.media.application.unused_objects import MAX_ROUNDS, ROUNDS_SECONDS, UnusedObjects
from services.media.domain.object import Ages
from services.shared.errors import Exhausted
from tests.support.storage.backends import MemoryObjectRegistry
from tests.unit.media.test_reclamation import MemoryStorage, locations

AGES = Ages(1, 2)


class SlowClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> MemoryObjectRegistry:
    return MemoryObjectRegistry({})


def unused_objects(
    registry: MemoryObjectRegistry, storage: MemoryStorage, clock: SlowClock | None = None
) -> UnusedObjects:
    storages = {"s": storage}
    reclamation = Reclamation(registry, storages, AGES, 8)
    reader = SizeReader(storages, 2)
    return UnusedObjects(registry, reclamation, reader, storages, AGES, clock=clock or SlowClock())


async def test_sizes_that_are_not_recorded_are_read(registry: MemoryObjectRegistry) -> None:
    registry.idle = [*locations("recorded", "stored", "missing"), *locations("elsewhere", storage="other")]
    registry.sizes = {"recorded": 7}
    page = await unused_objects(registry, MemoryStorage("at/recorded", "at/stored")).page(10, "")
    sizes = {one.location.object_id: one.size for one in page.objects}
    assert sizes == {"recorded": 7, "stored": 1, "missing": 0, "elsewhere": None}


async def test_rounds_run_until_nothing_is_due(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations(*map(str, range(BATCH + 1)))
    storage = MemoryStorage("at/0", "at/other")
    assert await unused_objects(registry, storage).reclaim() == (BATCH + 1, 0, True)
    assert storage.paths == {"at/other"}


async def test_a_call_begins_a_bounded_number_of_rounds(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations(*map(str, range(MAX_ROUNDS * BATCH + 1)))
    unused = unused_objects(registry, MemoryStorage())
    assert await unused.reclaim() == (MAX_ROUNDS * BATCH, 0, False)
    assert await unused.reclaim() == (1, 0, True)


async def test_a_call_begins_no_round_after_its_time(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations(*map(str, range(2 * BATCH)))
    clock = SlowClock()

    class SlowStorage(MemoryStorage):
        async def delete(self, path: str) -> None:
            clock.now = ROUNDS_SECONDS
            await super().delete(path)

    assert await unused_objects(registry, SlowStorage(), clock).reclaim() == (BATCH, 0, False)


async def test_objects_that_cannot_be_deleted_are_counted(registry: MemoryObjectRegistry) -> None:
    registry.idle = [*locations("a", "b"), *locations("c", storage="other")]
    storage = MemoryStorage()
    storage.refused = {"at/b"}
    assert await unused_objects(registry, storage).reclaim() == (1, 2, True)


async def test_a_call_ends_with_a_round_that_deletes_nothing(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations(*map(str, range(3 * BATCH)))
    storage = MemoryStorage()
    storage.refused = {f"at/{number}" for number in range(BATCH, 3 * BATCH)}
    assert await unused_objects(registry, storage).reclaim() == (BATCH, BATCH, False)
    assert len(registry.idle) == BATCH


async def test_one_call_reclaims_at_a_time(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations("a")
    unused = unused_objects(registry, MemoryStorage())
    first, second = await asyncio.gather(unused.reclaim(), unused.reclaim(), return_exceptions=True)
    assert first == (1, 0, True)
    assert isinstance(second, Exhausted)
    assert second.reason == "ALREADY_RECLAIMING"
    assert await unused.reclaim() == (0, 0, True)
