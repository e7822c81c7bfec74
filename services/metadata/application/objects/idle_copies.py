"""Copies whose bytes are to be deleted: claimed by media, and forgotten when the bytes are gone."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from services.metadata.application.clock import Clock, moment
from services.metadata.application.objects.copy_places import write_copies
from services.metadata.application.objects.objects import CLAIM_SECONDS, Ages, check_ages, check_count
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.ids import is_object_id
from services.metadata.domain.objects.copies import Copy, CopyState
from services.metadata.domain.objects.object import Place
from services.shared.paging import page_size

# Copies that nobody took up again for so long are deleted.
INTERRUPTED_SECONDS: Final = 24 * 3600
_MAX_CLAIMED: Final = 1000


class IdleCopies:
    """Claims and forgets copies of objects that stay. Those of objects that go are claimed with them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def claim(self, retired_seconds: int, requested_size: int) -> list[Copy]:
        """Copies whose bytes the caller deletes, then calls `forget`. InvalidArgument BAD_AGE."""
        check_ages(Ages(retired_seconds, None))
        size = page_size(requested_size, default=100, maximum=_MAX_CLAIMED)
        now = moment(self._clock).ms
        ages = (
            (CopyState.RECLAIMED, CLAIM_SECONDS),
            (CopyState.RETIRED, retired_seconds),
            (CopyState.COPYING, INTERRUPTED_SECONDS),
        )

        def change(tables: Tables) -> list[Copy]:
            idle: list[Copy] = []
            for state, seconds in ages:
                if len(idle) < size:
                    idle += tables.copies.idle(state, now - 1000 * seconds, size - len(idle))
            return _claimed(tables, idle, now) if idle else []

        return await self._store.write(change)

    async def forget(self, places: Sequence[Place]) -> None:
        """Remove claimed copies, whose bytes are deleted; others stay. InvalidArgument TOO_MANY_ITEMS."""
        check_count(len(places))
        wanted = {(place.object_id, place.storage_id) for place in places}
        ids = list(filter(is_object_id, dict.fromkeys(place.object_id for place in places)))

        def change(tables: Tables) -> None:
            known = (copy for copies in tables.copies.of_objects(ids).values() for copy in copies)
            tables.copies.remove(
                copy
                for copy in known
                if (copy.object_id, copy.storage_id) in wanted and copy.state is CopyState.RECLAIMED
            )

        await self._store.write(change)


def _claimed(tables: Tables, idle: Iterable[Copy], now_ms: int) -> list[Copy]:
    """The copies in the state RECLAIMED. One at the very place of its object is left alone."""
    in_order = sorted(idle, key=lambda copy: copy.object_id)
    items = tables.objects.get_many([copy.object_id for copy in in_order])
    claimed: list[Copy] = []
    for object_id, copies in groupby(in_order, lambda copy: copy.object_id):
        item = items.get(object_id)
        own = None if item is None else (item.storage_id, item.storage_path)
        retired = [
            copy._replace(state=CopyState.RECLAIMED, changed_ms=now_ms)
            for copy in copies
            if (copy.storage_id, copy.storage_path) != own
        ]
        if item is not None:
            write_copies(tables, item, retired)
        else:
            tables.copies.put(retired)
        claimed += retired
    return claimed
