import pytest

from services.media.application import access_counts
from services.media.application.access_counts import BATCH, MAX_PATHS, AccessCounts
from services.media.application.object_counts import ObjectCounts
from services.media.application.signer import Signer, UrlExpiry
from services.media.domain.object import ObjectLocation, Reservation, StoredSize
from services.media.domain.storage_backend import StorageBackends
from services.shared.errors import Unavailable
from services.shared.telemetry.metrics import Metrics
from services.shared.url_paths import url_lines
from tests.support.storage.backends import BACKEND_ID, NOON, MemoryObjectRegistry, a_backend
from tests.unit.media.test_object_counts import counts_of


async def registry_of(*paths: str) -> MemoryObjectRegistry:
    """A registry of objects whose ids are their paths."""
    registry = MemoryObjectRegistry({"flow": "video/mp2t"})
    await registry.reserve([Reservation("flow", [ObjectLocation(path, BACKEND_ID, path) for path in paths])])
    return registry


async def test_pages_that_are_signed_are_counted_once_for_each_object() -> None:
    registry = await registry_of("a", "b", "ü %/c")
    accesses = AccessCounts(registry)
    signer = Signer(StorageBackends([a_backend()]), lambda: NOON, UrlExpiry(3600, 3600), accesses=accesses)
    for _ in range(3):
        signer.sign([(BACKEND_ID, url_lines(["a", "ü %/c"])), (BACKEND_ID, url_lines(["a", "b"]))])
    signer.put_urls(a_backend(), ["a"], "video/mp2t")
    for _ in range(2):
        await accesses.give()
    assert registry.accesses == {"a": 6, "b": 3, "ü %/c": 3}


async def test_numbers_of_a_failed_call_are_lost_and_the_others_are_given_later() -> None:
    names = [f"{number}" for number in range(BATCH + 1)]
    registry, metrics = await registry_of(*names), Metrics()

    class Failing(MemoryObjectRegistry):
        async def add_accesses(self, _urls: object) -> None:
            raise Unavailable("the registry is down")

    accesses = AccessCounts(Failing({}), ObjectCounts(metrics))
    for name in names:
        accesses.add(BACKEND_ID, url_lines([name]))
    with pytest.raises(Unavailable):
        await accesses.give()
    accesses._registry = registry  # noqa: SLF001 - the registry is there again
    await accesses.give()
    assert registry.accesses.total() == 1
    assert counts_of(metrics) == {"tams_accesses_lost": {(): BATCH}}


async def test_memory_is_bounded_and_room_returns() -> None:
    registry, metrics = await registry_of("a", "z"), Metrics()
    accesses = AccessCounts(registry, ObjectCounts(metrics))
    full = url_lines(["a"] + [f"{number}" for number in range(MAX_PATHS - 1)])
    for page in (full, url_lines(["z"]), full):
        accesses.add(BACKEND_ID, page)
    await accesses.give()
    assert registry.accesses == {"a": 2}
    accesses.add(BACKEND_ID, url_lines(["z"]))
    await accesses.give()
    assert registry.accesses == {"a": 2, "z": 1}
    assert counts_of(metrics) == {"tams_accesses_lost": {(): 1}}


async def test_it_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_counts, "PAUSE_SECONDS", 0.001)
    tries: list[int] = []

    class Done(Exception):
        pass

    class Shaky(MemoryObjectRegistry):
        async def add_accesses(self, _urls: object) -> None:
            tries.append(1)
            if len(tries) > 1:
                raise Done
            accesses.add(BACKEND_ID, url_lines(["b"]))
            raise Unavailable("not now")

    accesses = AccessCounts(Shaky({}))
    accesses.add(BACKEND_ID, url_lines(["a"]))
    with pytest.raises(Done):
        await accesses.run()


@pytest.mark.parametrize(
    ("given", "kept"), [('"0f-2"', "0f-2"), ("0f", "0f"), ("", ""), ('"a b"', ""), ("x" * 129, "")]
)
def test_a_size_keeps_an_etag_that_the_registry_takes(given: str, kept: str) -> None:
    stored = StoredSize(5, given)
    assert (stored, stored.etag) == (5, kept)
