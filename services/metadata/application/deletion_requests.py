"""Deletions: the first slice at once, further slices in transactions of their own.

Other writers get their turn between two slices. A crash loses nothing, because the request has the range that
remains. Only segments that exist when the request is made are deleted; those that are registered in its range
later are noted in it and spared. The caller works on its own deletion for some time; then the background
worker continues.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec

from services.metadata.application.audit.recording import record
from services.metadata.application.classes.seeing import whole
from services.metadata.application.clock import Clock, Moment, authored_moment
from services.metadata.application.delete_options import DEFAULT_RULES, TrashRules
from services.metadata.application.ports import Removed, Slow, Store, Tables
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.audit import Facts
from services.metadata.domain.deletion_request import Deletion, Status
from services.metadata.domain.documents.classes import classes_of_document
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import MediaObject
from services.metadata.domain.segments.segment import Segment
from services.metadata.domain.trash import Kind, SoftDelete, Trashed, new_timeline
from services.shared.errors import Exhausted, NotFound
from services.shared.ids import new_uuid
from services.shared.timerange import NEVER, TimeRange, bounds_of

# Segments that one transaction deletes.
SLICE: Final = 1000
# Open deletions of one flow. Each registration of segments in the flow reads all of them.
MAX_OPEN: Final = 64
_MAX_LISTED: Final = 1000
# How long the record of a finished deletion stays.
_RETENTION_MS: Final = 24 * 3600 * 1000


class DeletionProgress(NamedTuple):
    """The removed segments, and the open deletion of the others; None if there are no others."""

    removed: Removed
    deletion: Deletion | None


class Deletions:
    """Reads deletion requests and works on them. A call spends up to `budget_seconds` on its own deletion."""

    def __init__(
        self, store: Store, clock: Clock, budget_seconds: float, trash: TrashRules = DEFAULT_RULES
    ) -> None:
        self._store = store
        self._clock = clock
        self._budget = budget_seconds
        self.trash = trash

    async def get(self, deletion_id: str) -> Deletion:
        """The request; NotFound DELETION_REQUEST_NOT_FOUND if it does not exist or has expired.

        A caller with a list of classes has only the requests that it made itself.
        """
        deletion = await self._store.read(lambda tables: tables.deletions.get(deletion_id))
        if deletion is None:
            raise NotFound(f"no deletion request {deletion_id[:64]!r}", reason="DELETION_REQUEST_NOT_FOUND")
        return deletion

    async def latest(self) -> list[Deletion]:
        """Up to 1000 requests, newest first."""
        return await self._store.read(lambda tables: tables.deletions.latest(_MAX_LISTED))

    async def finish(self, progress: DeletionProgress) -> DeletionProgress:
        """Continue a deletion until it is done or the time budget is used up; returns its progress."""
        removed, deletion = progress
        end = time.monotonic() + self._budget
        while deletion is not None and deletion.expiry_ms is None and time.monotonic() < end:
            later, deletion = await self.step(deletion.id)
            removed = removed.join(later)
        done = deletion is None or deletion.status is Status.DONE
        return DeletionProgress(removed, None if done else deletion)

    async def step(self, deletion_id: str) -> DeletionProgress:
        """Delete the next slice; returns its segments, and the request after that."""
        now = authored_moment(self._clock)
        return await self._store.write(Slow(partial(_delete_next_slice, deletion_id=deletion_id, now=now)))

    async def fail(self, deletion_id: str, error: str) -> None:
        """End a deletion with an error; segments that were not deleted stay."""
        now = authored_moment(self._clock)

        def change(tables: Tables) -> None:
            before = tables.deletions.get(deletion_id)
            if before is not None and before.expiry_ms is None:
                tables.deletions.put(
                    msgspec.structs.replace(
                        before,
                        status=Status.ERROR,
                        error=error,
                        updated_ms=now.ms,
                        expiry_ms=now.ms + _RETENTION_MS,
                    )
                )
                _record_end(tables, before, "deletions.fail", now)

        await self._store.write(change)


def start_deletion(
    tables: Tables,
    flow: StoredFlow,
    within: TimeRange,
    object_id: str | None,
    now: Moment,
    *,
    delete_flow: bool = False,
    soft: SoftDelete | None = None,
) -> DeletionProgress:
    """Delete the first slice of the flow's segments that `within` covers; store a request for the others.

    With an object id, only segments of this object. With `soft` they move into the trash. The request is for
    segments that exist now, not for later ones. Exhausted TOO_MANY_DELETIONS if MAX_OPEN deletions of the
    flow are open.
    """
    trash = None if soft is None else new_timeline()
    request = _new_request(flow, within, object_id, now, delete_flow=delete_flow, trash=trash)
    # The first slice also deletes segments outside the recorded extent, in case that is wrong.
    removed = _delete_slice(tables, request, within, now)
    if soft is not None and removed.segments:
        tables.trash.put(_trashed_segments(flow, request, soft, has_more=removed.has_more))
    if not removed.has_more:
        return DeletionProgress(removed, None)
    if not delete_flow:
        _check_open(tables, flow)
    deletion = request.advance_to(removed.span.end)
    tables.deletions.put(deletion)
    return DeletionProgress(removed, deletion)


def _new_request(
    flow: StoredFlow,
    within: TimeRange,
    object_id: str | None,
    now: Moment,
    *,
    delete_flow: bool,
    trash: int | None,
) -> Deletion:
    return Deletion(
        id=new_uuid(),
        flow_id=flow.id,
        timeline=flow.timeline,
        requested=within,
        remaining=within.intersection(flow.extent),
        object_id=object_id,
        delete_flow=delete_flow,
        status=Status.CREATED,
        created_ms=now.ms,
        updated_ms=now.ms,
        trash=trash,
        created_by=now.author,
    )


def _check_open(tables: Tables, flow: StoredFlow) -> None:
    """Exhausted TOO_MANY_DELETIONS if MAX_OPEN deletions of the flow are open."""
    if len(tables.deletions.open_for(flow)) >= MAX_OPEN:
        raise Exhausted(
            f"{MAX_OPEN} deletions in this flow are open; wait until one is done", reason="TOO_MANY_DELETIONS"
        )


def deletion_facts(progress: DeletionProgress) -> Facts:
    """The facts of a deletion for the audit log: what is removed, and the request for the rest."""
    removed, deletion = progress
    facts: Facts = {"count": removed.segments, "span": str(removed.span)}
    return facts if deletion is None else {**facts, "deletion": deletion.id}


def _trashed_segments(flow: StoredFlow, request: Deletion, soft: SoftDelete, *, has_more: bool) -> Trashed:
    assert request.trash is not None  # noqa: S101 - set for each soft deletion
    return Trashed(
        id=new_uuid(),
        operation=soft.operation,
        number=soft.number,
        kind=Kind.SEGMENTS,
        flow_id=flow.id,
        source_id=flow.source_id,
        timeline=request.trash,
        timerange=request.requested,
        deleted_by=soft.deleted_by,
        deleted_ms=soft.deleted_ms,
        purge_ms=soft.purge_ms,
        origin=flow.timeline,
        filling=request.id if has_more else None,
        classes=classes_of_document(flow.document),
    )


def spare_segments(
    tables: Tables, flow: StoredFlow, accepted: Sequence[tuple[Segment[ObjectId], MediaObject]]
) -> None:
    """Exclude segments, which are about to be stored, from the flow's open deletions.

    Conflict RANGE_BEING_DELETED, before anything is written, if a deletion cannot spare more ranges.
    """
    open_deletions = tables.deletions.open_for(flow)
    if not open_deletions:
        return
    spared = [deletion.spare(_ranges_at_risk(deletion, accepted)) for deletion in open_deletions]
    for before, after in zip(open_deletions, spared, strict=True):
        if after is not before:
            tables.deletions.put(after)


def _ranges_at_risk(
    deletion: Deletion, accepted: Sequence[tuple[Segment[ObjectId], MediaObject]]
) -> list[tuple[int, int]]:
    """The ranges of the segments that the deletion selects, wherever they are on the timeline."""
    selected = [
        segment.timerange for segment, _ in accepted if deletion.object_id in (None, segment.object_id)
    ]
    return list(zip(*bounds_of(selected), strict=True))


def _delete_next_slice(tables: Tables, deletion_id: str, now: Moment) -> DeletionProgress:
    tables = whole(tables)
    before = tables.deletions.get(deletion_id)
    if before is None or before.expiry_ms is not None:
        return DeletionProgress(Removed(0, NEVER, frozenset()), before)
    removed = _delete_slice(tables, before, before.next_part, now)
    _record_event(tables, before, removed, now)
    after = before.advance_to(removed.span.end if removed.has_more else None)
    if after.remaining.empty:
        after = msgspec.structs.replace(after, status=Status.DONE, expiry_ms=now.ms + _RETENTION_MS)
    else:
        after = msgspec.structs.replace(after, status=Status.STARTED)
    after = msgspec.structs.replace(after, updated_ms=now.ms)
    if after.status is Status.DONE:
        _record_end(tables, after, "deletions.finish", now)
    tables.deletions.put(after)
    return DeletionProgress(removed, after)


def delete_for_good(
    tables: Tables, timeline: int, within: TimeRange, object_id: str | None, now: Moment
) -> Removed:
    """Delete the first slice of the segments that `within` covers, and release their objects.

    With an object id, only segments of this object.
    """
    removed = tables.segments.delete(timeline, within, object_id, SLICE, now.text)
    tables.objects.release(removed.objects)
    return removed


def _delete_slice(tables: Tables, deletion: Deletion, within: TimeRange, now: Moment) -> Removed:
    timeline, object_id = deletion.timeline, deletion.object_id
    if (target := deletion.trash) is not None:
        return tables.segments.move(timeline, within, object_id, now.text, limit=SLICE, target=target)
    return delete_for_good(tables, timeline, within, object_id, now)


def _record_end(tables: Tables, deletion: Deletion, action: str, now: Moment) -> None:
    record(tables, now, action, f"deletion:{deletion.id}", {"flow": deletion.flow_id})


def _record_event(tables: Tables, deletion: Deletion, removed: Removed, now: Moment) -> None:
    """Record flows/segments_deleted, unless the flow was deleted: its deletion recorded all its segments."""
    flow = None if deletion.delete_flow else tables.flows.get(deletion.flow_id)
    if flow is not None and flow.timeline == deletion.timeline:
        Outbox(tables, now).segments_deleted(flow, removed.span)
