import asyncio

import pytest

from services.media.application.measuring import BATCH, Measuring
from services.media.domain.object import ObjectLocation
from services.shared.errors import Unavailable
from tests.support.polling import until
from tests.support.storage import MemoryObjectRegistry


class MemoryStorage:
    """Meets ObjectStorage over a dict of sizes; counts how many are looked at together."""

    def __init__(self, sizes, near=()):
        self.sizes = sizes
        self.near = near
        self.listings = []
        self.looked_at = []
        self.away = False
        self.open = self.most_open = 0

    async def prepare(self):
        """Always ready."""

    async def listed(self, paths):
        self.listings.append(list(paths))
        if self.away:
            raise Unavailable("storage is away")
        return {path: self.sizes.get(path) for path in paths if path in self.near}

    async def size(self, path):
        self.looked_at.append(path)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        if self.away:
            raise Unavailable("storage is away")
        return self.sizes.get(path)


class FlakyRegistry(MemoryObjectRegistry):
    """Away for the first calls."""

    def __init__(self, failures):
        super().__init__({})
        self.failures = failures

    async def unmeasured(self, limit):
        if self.failures:
            self.failures -= 1
            raise Unavailable("metadata is away")
        return await super().unmeasured(limit)


@pytest.fixture
def registry():
    return MemoryObjectRegistry({})


async def test_sizes_are_recorded_and_missing_bytes_said_to_be_missing(registry):
    registry.due = [ObjectLocation(name, "s", f"at/{name}") for name in ("there", "empty", "missing")]
    measuring = Measuring(registry, {"s": MemoryStorage({"at/there": 7, "at/empty": 0})}, 4)
    assert await measuring.measure() == 3
    assert registry.sizes == {"there": 7, "empty": 0, "missing": None}
    assert await measuring.measure() == 0


async def test_what_a_listing_tells_is_not_looked_at_again(registry):
    registry.due = [ObjectLocation(name, "s", name) for name in ("a", "missing", "far")]
    storage = MemoryStorage({"a": 1, "far": 2}, near=("a", "missing"))
    await Measuring(registry, {"s": storage}, 4).measure()
    assert registry.sizes == {"a": 1, "missing": None, "far": 2}
    assert storage.listings == [["a", "missing", "far"]]
    assert storage.looked_at == ["far"]


async def test_backends_are_listed_apart(registry):
    registry.due = [ObjectLocation("a", "one", "x"), ObjectLocation("b", "two", "x")]
    storages = {"one": MemoryStorage({"x": 1}, near="x"), "two": MemoryStorage({"x": 2}, near="x")}
    await Measuring(registry, storages, 4).measure()
    assert registry.sizes == {"a": 1, "b": 2}


async def test_requests_to_storage_are_bounded(registry):
    registry.due = [ObjectLocation(str(n), "s", str(n)) for n in range(50)]
    storage = MemoryStorage({})
    await Measuring(registry, {"s": storage}, 3).measure()
    assert storage.most_open == 3


async def test_a_round_is_bounded(registry):
    registry.due = [ObjectLocation(str(n), "s", str(n)) for n in range(BATCH + 1)]
    assert await Measuring(registry, {"s": MemoryStorage({})}, 8).measure() == BATCH


async def test_with_storage_away_nothing_is_said(registry):
    registry.due = [ObjectLocation("a", "s", "a")]
    storage = MemoryStorage({"a": 1})
    storage.away = True
    measuring = Measuring(registry, {"s": storage}, 4)
    with pytest.raises(Unavailable):
        await measuring.measure()
    assert registry.sizes == {}
    storage.away = False
    await measuring.measure()
    assert registry.sizes == {"a": 1}


async def test_one_backend_away_does_not_hold_up_the_others(registry):
    registry.due = [ObjectLocation("a", "away", "a"), ObjectLocation("b", "here", "b")]
    away = MemoryStorage({})
    away.away = True
    await Measuring(registry, {"away": away, "here": MemoryStorage({"b": 2})}, 4).measure()
    assert registry.sizes == {"a": None, "b": 2}


async def test_an_object_of_a_backend_no_longer_configured_counts_as_missing(registry):
    registry.due = [ObjectLocation("a", "gone", "a")]
    await Measuring(registry, {}, 4).measure()
    assert registry.sizes == {"a": None}


async def test_it_goes_on_when_the_registry_comes_back():
    registry = FlakyRegistry(failures=3)
    registry.due = [ObjectLocation("a", "s", "a")]
    running = asyncio.create_task(Measuring(registry, {"s": MemoryStorage({"a": 5})}, 4).run(0.001, 0.001))
    await until(lambda: registry.sizes)
    assert registry.sizes == {"a": 5}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
