"""Counts the URLs that were signed to read objects."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from services.metadata.application.clock import Clock, utc_now
from services.metadata.application.ports import Slow, Store
from services.shared.errors import InvalidArgument

MAX_PLACES: Final = 1000
MAX_URLS: Final = 10**9


class Accesses:
    """The accesses to objects."""

    def __init__(self, store: Store, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock

    async def add_urls(self, numbers: Iterable[tuple[tuple[str, str], int]]) -> None:
        """Add numbers of URLs to the objects at places: pairs of a storage id and a path.

        The place of a copy counts for its object. Places of no object are ignored.
        InvalidArgument BAD_COUNT or TOO_MANY_ITEMS.
        """
        items = list(numbers)
        if len(items) > MAX_PLACES:
            raise InvalidArgument(f"at most {MAX_PLACES} places at once", reason="TOO_MANY_ITEMS")
        if not all(0 < number <= MAX_URLS for _, number in items):
            raise InvalidArgument(f"a number of URLs is 1 to {MAX_URLS}", reason="BAD_COUNT")
        urls: Counter[tuple[str, str]] = Counter()
        for place, number in items:
            urls[place] += number
        now_ms = int(self._clock().timestamp() * 1000)
        # A thousand rows take much longer than most changes.
        await self._store.write(Slow(lambda tables: tables.accesses.add(urls, now_ms)))
