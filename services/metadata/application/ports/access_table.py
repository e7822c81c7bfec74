"""The table of accesses to objects."""

from collections.abc import Mapping
from typing import Protocol


class AccessTable(Protocol):
    """The URLs that were signed to read each object. The numbers of an object go with it."""

    def add(self, urls: Mapping[tuple[str, str], int], now_ms: int) -> None:
        """Add numbers of URLs to the objects at places: pairs of a storage id and a path.

        The place of a copy counts for its object. Places of no object are ignored.
        `now_ms` is the present time in milliseconds since 1970.
        """
        ...
