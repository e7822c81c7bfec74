import asyncio
from collections.abc import Collection, Mapping, Sequence

import pytest

from services.media.application.measurement import BATCH, Measurement
from services.media.application.size_reader import SizeReader
from services.media.domain.object import ObjectLocation
from services.shared.errors import Unavailable
from services.shared.object_size import MAX_OBJECT_BYTES
from tests.support.processes.polling import until
from tests.support.storage.backends import MemoryObjectRegistry, PreparedStorage


class MemoryStorage(PreparedStorage):
    """An ObjectStorage in memory, which records its requests. Lists only some paths."""

    def __init__(self, sizes: Mapping[str, int], listed: Collection[str] = ()) -> None:
        self.sizes = sizes
        self.listed = listed
        self.listings: list[list[str]] = []
        self.requested: list[str] = []
        self.unavailable = False
        self.open = self.most_open = 0

    async def list_sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        self.listings.append(list(paths))
        if self.unavailable:
            raise Unavailable("storage is away")
        return {path: self.sizes.get(path) for path in paths if path in self.listed}

    async def size(self, path: str) -> int | None:
        self.requested.append(path)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        if self.unavailable:
            raise Unavailable("storage is away")
        return self.sizes.get(path)


class FlakyRegistry(MemoryObjectRegistry):
    """A registry that is unavailable for the first calls."""

    def __init__(self, failures: int) -> None:
        super().__init__({})
        self.failures = failures

    async def list_unmeasured(self, limit: int) -> list[ObjectLocation]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("metadata is away")
        return await super().list_unmeasured(limit)


@pytest.fixture
def registry() -> MemoryObjectRegistry:
    return MemoryObjectRegistry({})


async def test_sizes_and_missing_objects_are_recorded(
    registry: MemoryObjectRegistry,
) -> None:
    registry.due = [ObjectLocation(name, "s", f"at/{name}") for name in ("there", "empty", "missing")]
    measurement = Measurement(registry, SizeReader({"s": MemoryStorage({"at/there": 7, "at/empty": 0})}, 4))
    assert await measurement.measure() == 3
    assert registry.sizes == {"there": 7, "empty": 0, "missing": None}
    assert await measurement.measure() == 0


async def test_objects_in_a_list_are_not_requested_one_by_one(registry: MemoryObjectRegistry) -> None:
    registry.due = [ObjectLocation(name, "s", name) for name in ("a", "missing", "far")]
    storage = MemoryStorage({"a": 1, "far": 2}, listed=("a", "missing"))
    await Measurement(registry, SizeReader({"s": storage}, 4)).measure()
    assert registry.sizes == {"a": 1, "missing": None, "far": 2}
    assert storage.listings == [["a", "missing", "far"]]
    assert storage.requested == ["far"]


async def test_each_backend_lists_its_own_objects(registry: MemoryObjectRegistry) -> None:
    registry.due = [ObjectLocation("a", "one", "x"), ObjectLocation("b", "two", "x")]
    storages = {"one": MemoryStorage({"x": 1}, listed="x"), "two": MemoryStorage({"x": 2}, listed="x")}
    await Measurement(registry, SizeReader(storages, 4)).measure()
    assert registry.sizes == {"a": 1, "b": 2}


async def test_the_number_of_open_requests_is_bounded(registry: MemoryObjectRegistry) -> None:
    registry.due = [ObjectLocation(str(n), "s", str(n)) for n in range(50)]
    storage = MemoryStorage({})
    await Measurement(registry, SizeReader({"s": storage}, 3)).measure()
    assert storage.most_open == 3


async def test_the_number_of_objects_in_a_round_is_bounded(registry: MemoryObjectRegistry) -> None:
    registry.due = [ObjectLocation(str(n), "s", str(n)) for n in range(BATCH + 1)]
    assert await Measurement(registry, SizeReader({"s": MemoryStorage({})}, 8)).measure() == BATCH


async def test_no_size_is_recorded_while_storage_is_unavailable(registry: MemoryObjectRegistry) -> None:
    registry.due = [ObjectLocation("a", "s", "a")]
    storage = MemoryStorage({"a": 1})
    storage.unavailable = True
    measurement = Measurement(registry, SizeReader({"s": storage}, 4))
    with pytest.raises(Unavailable):
        await measurement.measure()
    assert registry.sizes == {}
    storage.unavailable = False
    await measurement.measure()
    assert registry.sizes == {"a": 1}


async def test_an_unavailable_backend_does_not_delay_others(registry: MemoryObjectRegistry) -> None:
    registry.due = [ObjectLocation("a", "away", "a"), ObjectLocation("b", "here", "b")]
    broken = MemoryStorage({})
    broken.unavailable = True
    await Measurement(registry, SizeReader({"away": broken, "here": MemoryStorage({"b": 2})}, 4)).measure()
    assert registry.sizes == {"a": None, "b": 2}


async def test_an_object_of_an_unknown_backend_is_recorded_as_missing(
    registry: MemoryObjectRegistry,
) -> None:
    registry.due = [ObjectLocation("a", "gone", "a")]
    await Measurement(registry, SizeReader({}, 4)).measure()
    assert registry.sizes == {"a": None}


async def test_measurement_continues_when_the_registry_is_available_again() -> None:
    registry = FlakyRegistry(failures=3)
    registry.due = [ObjectLocation("a", "s", "a")]
    running = asyncio.create_task(
        Measurement(registry, SizeReader({"s": MemoryStorage({"a": 5})}, 4)).run(0.001, 0.001)
    )
    await until(lambda: registry.sizes)
    assert registry.sizes == {"a": 5}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("size", [-1, MAX_OBJECT_BYTES + 1, 2**63, 10**30])
@pytest.mark.parametrize("listed", [(), ("path-odd",)])
async def test_an_impossible_size_is_not_recorded(size: int, listed: tuple[str, ...]) -> None:
    registry = MemoryObjectRegistry({})
    registry.due = [ObjectLocation("odd", "here", "path-odd"), ObjectLocation("good", "here", "path-good")]
    storage = MemoryStorage({"path-odd": size, "path-good": MAX_OBJECT_BYTES}, listed)
    await Measurement(registry, SizeReader({"here": storage}, 4)).measure()
    assert registry.sizes == {"odd": None, "good": MAX_OBJECT_BYTES}


async def test_impossible_sizes_count_as_measured_and_are_logged_once(
    registry: MemoryObjectRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    impossible = ObjectLocation("odd", "here", "path-odd")
    storage = MemoryStorage({"path-odd": MAX_OBJECT_BYTES + 1})
    measurement = Measurement(registry, SizeReader({"here": storage}, 4))
    for _ in range(2):
        registry.due = [impossible]
        assert await measurement.measure() == 1
    assert registry.sizes == {"odd": None}
    assert caplog.text.count("impossible object size") == 1
