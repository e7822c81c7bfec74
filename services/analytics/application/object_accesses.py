"""Reports the most and the least accessed objects that the caller sees."""

from collections.abc import Sequence
from typing import Final

from services.analytics.application.ports import Catalog, Objects
from services.analytics.domain.objects import ObjectAccess
from services.shared.access import caller

# For callers with some classes: the objects that are looked at, and those of one call.
MAX_EXAMINED: Final = 10_000
_SLICE: Final = 1000


class ObjectAccesses:
    """The accesses to objects."""

    def __init__(self, catalog: Catalog, objects: Objects) -> None:
        self._catalog = catalog
        self._objects = objects

    async def list(self, *, least: bool, limit: int) -> tuple[Sequence[ObjectAccess], bool]:
        """The objects with the fewest or the most URLs in order, and False if more of them may follow.

        Raises the errors of Catalog and Objects.
        """
        if caller.principal.get().classes is None:
            return await self._catalog.accesses(least=least, limit=limit), True
        # The tables that analytics reads do not say who sees an object.
        first = await self._catalog.accesses(least=least, limit=MAX_EXAMINED)
        found: list[ObjectAccess] = []
        for start in range(0, len(first), _SLICE):
            part = first[start : start + _SLICE]
            seen = await self._objects.seen([one.object_id for one in part])
            found += [one for one in part if one.object_id in seen]
            if len(found) >= limit:
                return found[:limit], True
        return found, len(first) < MAX_EXAMINED
