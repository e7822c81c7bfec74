"""Purges the trash in slices. Their objects are released, so the media service can delete the bytes.

Entries of restored flows are due at once: for them a slice records events.
"""

import time
from functools import partial

from msgspec.structs import replace

from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, Moment, authored_moment
from services.metadata.application.deletion_requests import delete_for_good
from services.metadata.application.ports import Slow, Store, Tables
from services.metadata.application.trash.announcing import announce_next
from services.metadata.domain.trash import Kind, Trashed
from services.shared.errors import Conflict, NotFound
from services.shared.timerange import ETERNITY


class Purging:
    """Purges entries of the trash. A call spends up to `budget_seconds` on one."""

    def __init__(self, store: Store, clock: Clock, budget_seconds: float = 0.0) -> None:
        self._store = store
        self._clock = clock
        self._budget = budget_seconds

    async def purge(self, entry_id: str) -> bool:
        """Begin to purge an entry; True if the rest continues in the background.

        NotFound NOT_IN_TRASH, or Conflict TRASH_BUSY if segments are still moved into it.
        """
        end = time.monotonic() + self._budget
        now = authored_moment(self._clock)
        await self._store.write(partial(_mark, entry_id=entry_id, now=now))
        while await self.step(entry_id):
            if time.monotonic() >= end:
                return True
        return False

    async def step(self, entry_id: str) -> bool:
        """Purge the next slice of an entry; True if there is more of it."""
        now = authored_moment(self._clock)
        return await self._store.write(Slow(partial(_purge_slice, entry_id=entry_id, now=now)))


def require_entry(tables: Tables, entry_id: str) -> Trashed:
    """The entry of the trash; NotFound NOT_IN_TRASH if it does not exist."""
    entry = tables.trash.get(entry_id)
    if entry is None or entry.kind is Kind.RESTORED:
        raise NotFound(f"no entry {entry_id[:64]!r} in the trash", reason="NOT_IN_TRASH")
    return entry


def require_idle(tables: Tables, entry: Trashed) -> None:
    """Conflict TRASH_BUSY if a deletion still changes the segments of the entry."""
    busy = [one.id for one in tables.deletions.under_way() if entry.timeline in (one.timeline, one.trash)]
    if busy:
        raise Conflict(
            f"deletion request {busy[0]} still deletes segments of it; try again when it is done",
            reason="TRASH_BUSY",
        )


def _mark(tables: Tables, entry_id: str, now: Moment) -> None:
    entry = require_entry(tables, entry_id)
    require_idle(tables, entry)
    tables.trash.put(replace(entry, purging=True, purge_ms=min(entry.purge_ms, now.ms)))
    record(tables, now, "trash.purge", f"flow:{entry.flow_id}", {"trash": entry.id})


def _purge_slice(tables: Tables, entry_id: str, now: Moment) -> bool:
    entry = tables.trash.get(entry_id)
    if entry is None or _is_filling(tables, entry):
        return False
    if entry.kind is Kind.RESTORED:
        return announce_next(tables, entry, now)
    removed = delete_for_good(tables, entry.timeline, ETERNITY, None, now)
    if removed.has_more:
        tables.trash.put(replace(entry, purging=True))
    else:
        tables.trash.delete(entry)
        record(tables, now, "trash.purged", f"flow:{entry.flow_id}", {"trash": entry.id})
    return removed.has_more


def _is_filling(tables: Tables, entry: Trashed) -> bool:
    deletion = tables.deletions.get(entry.filling) if entry.filling else None
    return deletion is not None and deletion.expiry_ms is None
