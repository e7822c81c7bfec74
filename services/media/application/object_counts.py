"""Counts what happens to objects: allocations, signed URLs, measured sizes, deletions."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from services.media.domain.object import ObjectLocation
from services.shared.telemetry.metrics import Metrics


class ObjectCounts:
    """The counts of this process. `labels` are those of the storage backends by id.

    A page of URLs is counted once, not URL by URL, because signing is quick.
    """

    def __init__(
        self, metrics: Metrics | None = None, labels: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        metrics = metrics or Metrics()
        self._labels = labels
        self.allocated = metrics.counter("tams_objects_allocated", "Objects that were allocated.").cell()
        signed = metrics.counter("tams_urls_signed", "URLs that were signed, or signed again.", "method")
        self.signed_gets, self.signed_puts = signed.cell("GET"), signed.cell("PUT")
        self.lost_accesses = metrics.counter(
            "tams_accesses_lost", "Signed URLs that the numbers of accesses do not contain."
        ).cell()
        self.measured = metrics.counter("tams_objects_measured", "Objects whose size was recorded.").cell()
        self.reclaimed = metrics.counter("tams_objects_reclaimed", "Objects whose bytes were deleted.").cell()
        self._ingested = metrics.counter(
            "tams_bytes_ingested", "The bytes of the objects whose size was recorded.", "backend"
        )

    def add_measured(self, measured: Iterable[tuple[ObjectLocation, int | None]]) -> None:
        """Count objects whose sizes in bytes were recorded; a missing object has None."""
        for location, size in measured:
            if size is not None:
                self.measured.add()
                self._ingested.cell(self._labels.get(location.storage_id, location.storage_id)).add(size)
