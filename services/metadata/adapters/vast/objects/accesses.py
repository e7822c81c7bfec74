"""The table of accesses to objects.

Processes that count an object for the first time at the same time may each insert a row, as inserts never
conflict: the numbers of the rows add up. A lock would make them conflict with every other insert.
"""

from collections import Counter
from collections.abc import Mapping

from services.metadata.adapters.vast.objects.places import found_at
from services.metadata.adapters.vast.reading.view import View


class VastAccesses:
    """The URLs that were signed to read each object."""

    def __init__(self, view: View) -> None:
        self._view = view

    def add(self, urls: Mapping[tuple[str, str], int], now_ms: int) -> None:
        """Add numbers of URLs to the objects, or those of copies, at pairs of a storage id and a path."""
        counts: Counter[str] = Counter()
        for one in found_at(self._view, (path for _, path in urls)):
            counts[one.object_id] += urls.get((one.storage_id, one.storage_path), 0)
        counts = +counts
        for object_id, rows in self._view.lookups("object_accesses", "object_id", counts).items():
            count = counts[object_id]
            if rows:
                last_ms = max(rows[0]["last_ms"], now_ms)
                self._view.update("object_accesses", rows[0], urls=rows[0]["urls"] + count, last_ms=last_ms)
            else:
                self._view.insert("object_accesses", object_id=object_id, urls=count, last_ms=now_ms)
