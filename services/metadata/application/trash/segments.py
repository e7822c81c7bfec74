"""Restores deleted segments, in slices. Each function runs within one transaction."""

from services.metadata.application.access import require_writable_flow
from services.metadata.application.audit.recording import record
from services.metadata.application.classes.seeing import whole
from services.metadata.application.clock import Moment
from services.metadata.application.deletion_requests import SLICE
from services.metadata.application.ports import Tables
from services.metadata.application.trash.purging import require_entry, require_idle
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.segments.segment import StoredSegment
from services.metadata.domain.trash import Trashed
from services.shared.errors import Conflict, FailedPrecondition
from services.shared.timerange import ETERNITY, TimeRange


def first_overlap(tables: Tables, entry_id: str, after: int | None) -> int | None:
    """Check a page of segments; returns where the next page begins, None at the end.

    The errors are those of `restore_slice`.
    """
    entry = require_entry(tables, entry_id)
    flow, tables = _flow_of(tables, entry), whole(tables)
    segments = tables.segments.first(entry.timeline, after, SLICE)
    _check_overlaps(tables, flow, segments)
    return segments[-1].start_ns if segments else None


def restore_slice(tables: Tables, entry_id: str, now: Moment) -> bool:
    """Move the next segments of an entry back to their flow; True if there are more.

    NotFound NOT_IN_TRASH or FLOW_NOT_FOUND, PermissionDenied FLOW_READ_ONLY, FailedPrecondition
    FLOW_REPLACED, SEGMENT_OVERLAP or PURGE_BEGUN, Conflict TRASH_BUSY.
    """
    entry = require_entry(tables, entry_id)
    flow, tables = _flow_of(tables, entry), whole(tables)
    segments = tables.segments.first(entry.timeline, None, SLICE)
    _check_overlaps(tables, flow, segments)
    moved = tables.segments.move(
        entry.timeline, ETERNITY, None, now.text, limit=len(segments) or SLICE, target=flow.timeline
    )
    record(tables, now, "trash.restore", f"flow:{flow.id}", {"trash": entry.id, "segments": len(segments)})
    Outbox(tables, now).segments_added(flow, segments)
    if not moved.has_more:
        tables.trash.delete(entry)
    return moved.has_more


def _flow_of(tables: Tables, entry: Trashed) -> StoredFlow:
    if entry.purging:
        raise FailedPrecondition("the segments are being purged", reason="PURGE_BEGUN")
    flow, tables = require_writable_flow(tables, entry.flow_id), whole(tables)
    if flow.timeline != entry.origin:
        raise FailedPrecondition(
            f"flow {flow.id} is not the one that the segments were deleted from", reason="FLOW_REPLACED"
        )
    require_idle(tables, entry)
    if tables.deletions.open_for(flow):
        raise Conflict(
            f"segments of flow {flow.id} are being deleted; try again when that is done", reason="TRASH_BUSY"
        )
    return flow


def _check_overlaps(tables: Tables, flow: StoredFlow, segments: list[StoredSegment]) -> None:
    ranges = [TimeRange(one.start_ns, one.end_ns, bool(one.end_inclusive)) for one in segments]
    for timerange, is_occupied in zip(ranges, tables.segments.occupied(flow.id, ranges), strict=True):
        if is_occupied:
            raise FailedPrecondition(
                f"the flow now has other segments in {timerange}; delete them first", reason="SEGMENT_OVERLAP"
            )
