from services.media.application.allocation import Allocation, AllocationRequest
from services.media.application.measurement import Measurement
from services.media.application.object_counts import ObjectCounts
from services.media.application.reachability import Reachability
from services.media.application.recent_objects import RecentObjects
from services.media.application.reclamation import Reclamation
from services.media.application.signer import Signer, UrlExpiry
from services.media.application.size_reader import SizeReader
from services.media.domain.object import Ages, ObjectLocation
from services.media.domain.storage_backend import StorageBackends
from services.shared.telemetry.metrics import Metrics
from services.shared.url_paths import url_lines
from tests.support.storage.backends import (
    BACKEND_ID,
    NOON,
    OTHER_BACKEND_ID,
    MemoryObjectRegistry,
    PreparedStorage,
    a_backend,
)

LABELS = {BACKEND_ID: "fast", OTHER_BACKEND_ID: "slow"}


class SizedStorage(PreparedStorage):
    """A storage in which objects have the sizes of their names."""

    async def size(self, path: str) -> int | None:
        return int(path) if path.isdigit() else None


def counts_of(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    """The counts that are not 0, by name and labels."""
    return {
        name: found
        for name, family in metrics.counters.items()
        if (found := {labels: cell.value for labels, cell in family.cells() if cell.value})
    }


async def test_allocated_objects_and_their_urls_are_counted() -> None:
    metrics = Metrics()
    counts, backends = ObjectCounts(metrics), StorageBackends([a_backend()])
    registry, names = MemoryObjectRegistry({"flow": "video/mp2t"}), iter("abc")
    signer = Signer(backends, lambda: NOON, UrlExpiry(3600, 3600), counts)
    allocation = Allocation(
        backends, registry, signer, RecentObjects(),
        clock=lambda: NOON, new_object_ids=lambda count: [next(names) for _ in range(count)], counts=counts,
    )  # fmt: skip
    await allocation.allocate([AllocationRequest("flow", limit=3)])
    assert counts_of(metrics) == {"tams_objects_allocated": {(): 3}, "tams_urls_signed": {("PUT",): 3}}


def test_signed_urls_are_counted_page_by_page() -> None:
    metrics = Metrics()
    backends, expiry = StorageBackends([a_backend()]), UrlExpiry(3600, 3600)
    signer = Signer(backends, lambda: NOON, expiry, ObjectCounts(metrics))
    for _ in range(2):
        signer.sign([(BACKEND_ID, url_lines(["a", "b"])), (BACKEND_ID, url_lines(["c"]))])
    assert counts_of(metrics) == {"tams_urls_signed": {("GET",): 6}}


async def test_measured_objects_are_counted_with_their_bytes_by_backend() -> None:
    metrics, registry = Metrics(), MemoryObjectRegistry({})
    registry.due = [
        ObjectLocation("a", BACKEND_ID, "70"),
        ObjectLocation("b", OTHER_BACKEND_ID, "5"),
        ObjectLocation("c", BACKEND_ID, "2"),
        ObjectLocation("missing", BACKEND_ID, "none"),
    ]
    reader = SizeReader(dict.fromkeys(LABELS, SizedStorage()), 4)
    await Measurement(registry, reader, ObjectCounts(metrics, LABELS)).measure()
    assert counts_of(metrics) == {
        "tams_objects_measured": {(): 3},
        "tams_bytes_ingested": {("fast",): 72, ("slow",): 5},
    }


async def test_reclaimed_objects_are_counted() -> None:
    metrics, registry = Metrics(), MemoryObjectRegistry({})
    registry.idle = [ObjectLocation(name, BACKEND_ID, name) for name in "ab"]
    storages = {BACKEND_ID: PreparedStorage()}
    await Reclamation(registry, storages, Ages(1, 1), 4, counts=ObjectCounts(metrics)).reclaim()
    assert counts_of(metrics) == {"tams_objects_reclaimed": {(): 2}}


def test_backends_that_share_a_label_are_up_if_all_are() -> None:
    reachability = Reachability(dict.fromkeys(LABELS, PreparedStorage()), 1)
    assert reachability.up(LABELS) == {"fast": False, "slow": False}
    assert reachability.up(dict.fromkeys(LABELS, "both")) == {"both": False}
