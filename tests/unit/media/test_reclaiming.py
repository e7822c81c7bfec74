import asyncio

import pytest

from services.media.application.reclaiming import BATCH, CLAIM_SECONDS, Reclaiming
from services.media.domain.object import Ages, ObjectLocation
from services.shared.errors import Unavailable
from tests.support.polling import until
from tests.support.storage import MemoryObjectRegistry

AGES = Ages(1, 2)


class MemoryStorage:
    """Meets ObjectStorage over a set of paths; counts how many are deleted together."""

    def __init__(self, *paths):
        self.paths = set(paths)
        self.refused = set()
        self.open = self.most_open = 0

    async def prepare(self):
        """Always ready."""

    async def listed(self, paths):
        return {path: 1 for path in paths if path in self.paths}

    async def size(self, path):
        return 1 if path in self.paths else None

    async def delete(self, path):
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        if path in self.refused:
            raise Unavailable("storage is away")
        self.paths.discard(path)


class FlakyRegistry(MemoryObjectRegistry):
    """Away for the first calls."""

    def __init__(self, failures):
        super().__init__({})
        self.failures = failures

    async def claim(self, ages, limit):
        if self.failures:
            self.failures -= 1
            raise Unavailable("metadata is away")
        return await super().claim(ages, limit)


@pytest.fixture
def registry():
    return MemoryObjectRegistry({})


def at(*names, storage="s"):
    return [ObjectLocation(name, storage, f"at/{name}") for name in names]


async def test_bytes_go_and_then_the_object_is_forgotten(registry):
    registry.idle = at("a", "gone")
    storage = MemoryStorage("at/a", "at/b")
    reclaiming = Reclaiming(registry, {"s": storage}, AGES, 4)
    assert await reclaiming.reclaim() == 2
    assert storage.paths == {"at/b"}
    assert registry.claimed == {}
    assert await reclaiming.reclaim() == 0


async def test_what_storage_refuses_stays_claimed(registry):
    registry.idle = at("a", "b")
    storage = MemoryStorage("at/a", "at/b")
    storage.refused = {"at/a"}
    assert await Reclaiming(registry, {"s": storage}, AGES, 4).reclaim() == 1
    assert list(registry.claimed) == ["a"]
    registry.idle = at("a")
    with pytest.raises(Unavailable):
        await Reclaiming(registry, {"s": storage}, AGES, 4).reclaim()
    assert list(registry.claimed) == ["a"]


async def test_objects_of_a_backend_that_is_not_here_stay_claimed(registry, caplog):
    registry.idle = at("a", storage="other")
    assert await Reclaiming(registry, {"s": MemoryStorage()}, AGES, 4).reclaim() == 0
    assert list(registry.claimed) == ["a"]
    assert "no such storage backend" in caplog.text


async def test_deletions_at_once_are_bounded(registry):
    registry.idle = at(*map(str, range(20)))
    storage = MemoryStorage()
    await Reclaiming(registry, {"s": storage}, AGES, 3).reclaim()
    assert storage.most_open == 3


async def test_nothing_is_deleted_once_the_claim_is_too_old(registry):
    registry.idle = at("a", "b")
    storage = MemoryStorage("at/a", "at/b")
    times = iter([0.0, CLAIM_SECONDS - 1, CLAIM_SECONDS])
    reclaiming = Reclaiming(registry, {"s": storage}, AGES, 1, clock=lambda: next(times))
    assert await reclaiming.reclaim() == 1
    assert storage.paths == {"at/b"}
    assert list(registry.claimed) == ["b"]


async def test_it_goes_on_after_failures_and_without_a_pause_while_there_is_much(caplog):
    registry = FlakyRegistry(2)
    registry.idle = at(*map(str, range(2 * BATCH + 1)))
    storage = MemoryStorage(*(one.storage_path for one in registry.idle))
    running = asyncio.create_task(Reclaiming(registry, {"s": storage}, AGES, 8).run(0.001))

    async def empty():
        return not storage.paths

    await until(empty)
    running.cancel()
    assert "cannot reclaim objects" in caplog.text
