"""Deletions: the first slice at once, the others in slices of their own.

A slice is one transaction, so other writers get their turn between slices and a crash loses none: the
request says what remains. The caller works on its own deletion for a while; what takes longer goes to
the background worker.
"""

import time
from functools import partial
from typing import Final, NamedTuple

import msgspec

from services.metadata.application.clock import Clock, Moment, moment
from services.metadata.application.objects import release
from services.metadata.application.outbox import Outbox
from services.metadata.application.ports import Removed, Store, Tables
from services.metadata.domain.deletion import Deletion, Status
from services.metadata.domain.flow import StoredFlow
from services.shared.errors import NotFound
from services.shared.ids import new_uuid
from services.shared.timerange import NEVER, TimeRange

SLICE: Final = 1000
_LISTED: Final = 1000
_KEPT_MS: Final = 24 * 3600 * 1000


class Begun(NamedTuple):
    """What was removed, and the deletion of what was not, if there is such."""

    removed: Removed
    deletion: Deletion | None


class Deletions:
    """Deletion requests."""

    def __init__(self, store: Store, clock: Clock, budget_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._budget = budget_seconds

    async def get(self, deletion_id: str) -> Deletion:
        """One request; NotFound when there is none or its record has expired."""
        found = await self._store.read(lambda tables: tables.deletions.get(deletion_id))
        if found is None:
            raise NotFound(f"no deletion request {deletion_id[:64]!r}", reason="DELETION_REQUEST_NOT_FOUND")
        return found

    async def latest(self) -> list[Deletion]:
        """The latest requests, newest first."""
        return await self._store.read(lambda tables: tables.deletions.latest(_LISTED))

    async def finish(self, begun: Begun) -> Begun:
        """Work on a deletion within the time budget; how it stands then."""
        removed, deletion = begun
        end = time.monotonic() + self._budget
        while deletion is not None and deletion.expiry_ms is None and time.monotonic() < end:
            more, deletion = await self.step(deletion.id)
            removed = removed.then(more)
        done = deletion is None or deletion.status is Status.DONE
        return Begun(removed, None if done else deletion)

    async def step(self, deletion_id: str) -> Begun:
        """Delete the next slice; what it was, and the request as it stands then."""
        now = moment(self._clock)
        return await self._store.write(partial(_step, deletion_id=deletion_id, now=now))

    async def fail(self, deletion_id: str, error: str) -> None:
        """Give a deletion up: what remains stays, and the request says so."""
        now = moment(self._clock)

        def change(tables: Tables) -> None:
            before = tables.deletions.get(deletion_id)
            if before is not None and before.expiry_ms is None:
                tables.deletions.put(
                    msgspec.structs.replace(
                        before,
                        status=Status.ERROR,
                        error=error,
                        updated_ms=now.ms,
                        expiry_ms=now.ms + _KEPT_MS,
                    )
                )

        await self._store.write(change)


def begin(
    tables: Tables,
    flow: StoredFlow,
    within: TimeRange,
    object_id: str | None,
    now: Moment,
    *,
    delete_flow: bool = False,
) -> Begun:
    """Delete the first slice, and ask for the rest to be deleted."""
    asked = Deletion(
        id=new_uuid(),
        flow_id=flow.id,
        row=flow.timeline,
        whole=within,
        remaining=within,
        object_id=object_id,
        delete_flow=delete_flow,
        status=Status.CREATED,
        created_ms=now.ms,
        updated_ms=now.ms,
    )
    removed = _remove(tables, asked, now)
    if removed.segments < SLICE:
        return Begun(removed, None)
    deletion = msgspec.structs.replace(asked, remaining=_rest(asked, removed))
    tables.deletions.put(deletion)
    return Begun(removed, deletion)


def _step(tables: Tables, deletion_id: str, now: Moment) -> Begun:
    before = tables.deletions.get(deletion_id)
    if before is None or before.expiry_ms is not None:
        return Begun(Removed(0, NEVER, frozenset()), before)
    removed = _remove(tables, before, now)
    _tell(tables, before, removed, now)
    if removed.segments < SLICE:
        after = msgspec.structs.replace(
            before, status=Status.DONE, remaining=NEVER, updated_ms=now.ms, expiry_ms=now.ms + _KEPT_MS
        )
    else:
        after = msgspec.structs.replace(
            before, status=Status.STARTED, remaining=_rest(before, removed), updated_ms=now.ms
        )
    tables.deletions.put(after)
    return Begun(removed, after)


def _remove(tables: Tables, deletion: Deletion, now: Moment) -> Removed:
    """Delete a slice of what remains."""
    removed = tables.segments.delete(deletion.row, deletion.remaining, deletion.object_id, SLICE, now.text)
    release(tables, removed.objects)
    return removed


def _rest(deletion: Deletion, removed: Removed) -> TimeRange:
    """What remains after a full slice, which went from the start."""
    return TimeRange(removed.span.end, deletion.whole.end, deletion.whole.end_inclusive)


def _tell(tables: Tables, deletion: Deletion, removed: Removed, now: Moment) -> None:
    """flows/segments_deleted; after flows/deleted nobody is told of its segments."""
    flow = None if deletion.delete_flow else tables.flows.get(deletion.flow_id)
    if flow is not None:
        Outbox(tables, now.ns).segments_deleted(flow, removed.span)
