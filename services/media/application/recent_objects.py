"""Remembers objects that this process allocated or saw in storage recently."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from services.media.domain.object import ObjectLocation

MAX_OBJECTS: Final = 20_000
# An id can be allocated again after its object was reclaimed, also by another process. By default that takes
# at least an hour, so an entry of this age is still true.
SECONDS: Final = 600.0


class _Entry(NamedTuple):
    # None if the bytes were seen in storage.
    location: ObjectLocation | None
    until: float


class RecentObjects:
    """The locations of new objects, and which objects are stored. Stored bytes do not change."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Oldest first, because all are kept for the same time.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def add_allocated(self, locations: Iterable[ObjectLocation]) -> None:
        """Remember new objects, whose bytes are not stored yet."""
        until = self._clock() + SECONDS
        for location in locations:
            self._remember(location.object_id, _Entry(location, until))

    def mark_stored(self, object_id: str) -> None:
        """Remember that the bytes of an object are in storage."""
        self._remember(object_id, _Entry(None, self._clock() + SECONDS))

    def is_stored(self, object_id: str) -> bool:
        """True if the bytes were seen in storage; False if not, or if that is not remembered."""
        entry = self._get(object_id)
        return entry is not None and entry.location is None

    def expected_location(self, object_id: str) -> ObjectLocation | None:
        """The location of a new object whose bytes were not seen yet; None for other objects."""
        entry = self._get(object_id)
        return None if entry is None else entry.location

    def _get(self, object_id: str) -> _Entry | None:
        entry = self._entries.get(object_id)
        return None if entry is None or entry.until <= self._clock() else entry

    def _remember(self, object_id: str, entry: _Entry) -> None:
        self._entries.pop(object_id, None)
        self._entries[object_id] = entry
        if len(self._entries) > MAX_OBJECTS:
            self._entries.popitem(last=False)
