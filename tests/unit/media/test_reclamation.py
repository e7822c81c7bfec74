import asyncio
from collections.abc import Sequence

import pytest

from services.media.application.reclamation import BATCH, CLAIM_SECONDS, Reclamation, Round
from services.media.domain.object import Ages, ObjectLocation
from services.shared.errors import Unavailable
from tests.support.processes.polling import until
from tests.support.storage.backends import MemoryObjectRegistry, PreparedStorage

AGES = Ages(1, 2)


class MemoryStorage(PreparedStorage):
    """An ObjectStorage in memory, which counts the deletions at the same time."""

    def __init__(self, *paths: str) -> None:
        self.paths = set(paths)
        self.refused: set[str] = set()
        self.open = self.most_open = 0

    async def list_sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        return {path: 1 for path in paths if path in self.paths}

    async def size(self, path: str) -> int | None:
        return 1 if path in self.paths else None

    async def delete(self, path: str) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        if path in self.refused:
            raise Unavailable("storage is away")
        self.paths.discard(path)


class FlakyRegistry(MemoryObjectRegistry):
    """A registry that is unavailable for the first calls."""

    def __init__(self, failures: int) -> None:
        super().__init__({})
        self.failures = failures
        self.claims = 0

    async def claim(self, ages: Ages, limit: int) -> list[ObjectLocation]:
        self.claims += 1
        if self.failures:
            self.failures -= 1
            raise Unavailable("metadata is away")
        return await super().claim(ages, limit)


class RetiredCopies:
    """A registry of copies that counts the rounds of claims: full batches at first, then nothing."""

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self.claims = 0

    async def claim(self, retired_seconds: int, limit: int) -> list[ObjectLocation]:  # noqa: ARG002 - a port
        self.claims += 1
        return locations(*map(str, range(limit))) if self.claims <= self.batches else []

    async def forget(self, locations: Sequence[ObjectLocation]) -> None:
        assert len(locations) == BATCH


@pytest.fixture
def registry() -> MemoryObjectRegistry:
    return MemoryObjectRegistry({})


def locations(*names: str, storage: str = "s") -> list[ObjectLocation]:
    return [ObjectLocation(name, storage, f"at/{name}") for name in names]


async def test_reclamation_deletes_the_bytes_and_then_the_object(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations("a", "gone")
    storage = MemoryStorage("at/a", "at/b")
    reclamation = Reclamation(registry, {"s": storage}, AGES, 4)
    assert await reclamation.reclaim() == Round(2, 2)
    assert storage.paths == {"at/b"}
    assert registry.claimed == {}
    assert await reclamation.reclaim() == Round(0, 0)


async def test_objects_whose_deletion_fails_stay_claimed(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations("a", "b")
    storage = MemoryStorage("at/a", "at/b")
    storage.refused = {"at/a"}
    assert await Reclamation(registry, {"s": storage}, AGES, 4).reclaim() == Round(2, 1)
    assert list(registry.claimed) == ["a"]
    registry.idle = locations("a")
    assert isinstance((await Reclamation(registry, {"s": storage}, AGES, 4).reclaim()).fault, Unavailable)
    assert list(registry.claimed) == ["a"]


async def test_objects_of_an_unknown_backend_stay_claimed(
    registry: MemoryObjectRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.idle = locations("a", storage="other")
    assert await Reclamation(registry, {"s": MemoryStorage()}, AGES, 4).reclaim() == Round(1, 0)
    assert list(registry.claimed) == ["a"]
    assert "storage backend is not configured" in caplog.text


async def test_the_number_of_deletions_at_the_same_time_is_bounded(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations(*map(str, range(20)))
    storage = MemoryStorage()
    await Reclamation(registry, {"s": storage}, AGES, 3).reclaim()
    assert storage.most_open == 3


async def test_no_object_is_deleted_after_its_claim_expired(registry: MemoryObjectRegistry) -> None:
    registry.idle = locations("a", "b")
    storage = MemoryStorage("at/a", "at/b")
    times = iter([0.0, CLAIM_SECONDS - 1, CLAIM_SECONDS])
    reclamation = Reclamation(registry, {"s": storage}, AGES, 1, clock=lambda: next(times))
    assert await reclamation.reclaim() == Round(2, 1)
    assert storage.paths == {"at/b"}
    assert list(registry.claimed) == ["b"]


async def test_reclamation_continues_after_failures_and_full_batches(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = FlakyRegistry(2)
    registry.idle = locations(*map(str, range(2 * BATCH + 1)))
    storage = MemoryStorage(*(location.storage_path for location in registry.idle))
    running = asyncio.create_task(Reclamation(registry, {"s": storage}, AGES, 8).run(0.001))

    async def empty() -> bool:
        return not storage.paths

    await until(empty)
    running.cancel()
    assert "cannot reclaim objects" in caplog.text


async def test_copies_are_looked_for_in_few_rounds_but_while_there_are_many() -> None:
    registry, copies = FlakyRegistry(0), RetiredCopies(batches=3)
    reclamation = Reclamation(registry, {"s": MemoryStorage()}, AGES, 8, copies=copies)  # type: ignore[arg-type]
    running = asyncio.create_task(reclamation.run(0.001))
    await until(lambda: copies.claims >= 5)
    running.cancel()
    # Three full batches and an empty one in a row, and one nine rounds later.
    assert 14 <= registry.claims < 24
